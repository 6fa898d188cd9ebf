import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { embeddedPostgres, type EmbeddedServer, type Engine } from '../../src/engines/index.ts'
import { findTool, peersFolder, pinning, scratchFolder } from '../harness/index.ts'
import { kinds, takes, type WorkOptions } from './work.ts'

interface Database {
  readonly engine: Engine<EmbeddedServer>
  readonly client: pg.Client
  readonly url: string
}

/** Where the subjects work: a calibrated core and a real database. */
export class Setting implements AsyncDisposable {
  readonly work: WorkOptions
  /** For Python, whose OpenSSL is another; `undefined` without Flask, gunicorn and gevent. */
  readonly python: number | undefined
  readonly #database: Database

  constructor (work: WorkOptions, python: number | undefined, database: Database) {
    this.work = work
    this.python = python
    this.#database = database
  }

  /** Makes what the routes wait for take so many times as long; it holds from the next query on. */
  async slowDown (times: number): Promise<void> {
    await this.#database.client.query('update pace set seconds = usual * $1', [times])
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.#database.client.end()
    await this.#database.engine.close()
  }
}

export async function openSetting (): Promise<Setting> {
  const database = await openDatabase()
  const iterationsPerMs = calibrated([
    process.execPath,
    '--conditions=plimsoll-source',
    '--disable-warning=ExperimentalWarning',
    fileURLToPath(new URL('calibrate-main.ts', import.meta.url)),
  ])
  if (iterationsPerMs === undefined) throw new Error('the work of a request could not be calibrated')
  const python = findTool('gunicorn') === undefined ?
    undefined :
    calibrated([pythonOf(), `${peersFolder}/overload_wsgi.py`])
  return new Setting({ iterationsPerMs, databaseUrl: database.url }, python, database)
}

/** The Python that Debian's gunicorn runs on, whatever else is on PATH. */
function pythonOf (): string {
  const gunicorn = findTool('gunicorn') ?? ''
  const { stdout } = spawnSync('head', ['-n', '1', gunicorn], { encoding: 'utf8' })
  return /^#!\s*(\S*python\S*)/.exec(stdout)?.[1] ?? 'python3'
}

function calibrated (command: readonly string[]): number | undefined {
  const [program = '', ...args] = [...pinning().server, ...command]
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' })
  const iterations = Number(stdout)
  return status === 0 && iterations > 0 ? iterations : undefined
}

async function openDatabase (): Promise<Database> {
  const engine = embeddedPostgres({ directory: `${scratchFolder('overload')}/postgres` })
  const { url } = await engine.connect()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(
    'create table pace (route text primary key, usual float8 not null, seconds float8 not null)'
  )
  for (const kind of kinds) {
    await client.query('insert into pace values ($1, $2, $2)', [kind, takes[kind].waitMs / 1000])
  }
  return { engine, client, url }
}
