import { chmod, chown, cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import pg from 'pg'
import { type ServerProcess, serverProcess } from '../../engines/embedded/server-process.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { parseLsn, replayTarget } from './lsn.ts'

export interface StandbyOptions {
  /** Commits are replayed so much later than they were made, in milliseconds. @default 0 */
  readonly applyDelayMs?: number
  /** Whom it follows. @default the first server */
  readonly of?: ServerProcess
}

export interface Standby extends ServerProcess {
  /** Replays nothing more until `resume`. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Receives nothing more. */
  detach(): Promise<void>
  /** Makes it a primary, on a timeline of its own, once it has replayed all that it has received. */
  promote(): Promise<void>
  /** Resolves when it has replayed all that the server it follows has written by now. */
  caughtUp(): Promise<void>
}

/** A real primary with real standbys that stream from it. Each is a process; all end with this. */
export interface Replication extends AsyncDisposable {
  readonly primary: ServerProcess
  standby(options?: StandbyOptions): Promise<Standby>
}

export async function replication (): Promise<Replication> {
  const primary = await serverProcess()
  const standbys: Standby[] = []
  return {
    primary,
    async standby (options) {
      const standby = await standbyOf(options?.of ?? primary, options)
      standbys.push(standby)
      return standby
    },
    async [Symbol.asyncDispose] () {
      await Promise.all(standbys.map((standby) => standby[Symbol.asyncDispose]()))
      await primary[Symbol.asyncDispose]()
    },
  }
}

/** Runs one statement on a connection of its own. */
export async function runOn (url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    const { rows } = await client.query<Record<string, unknown>>(text)
    return rows
  } finally {
    await client.end()
  }
}

async function standbyOf (leader: ServerProcess, options: StandbyOptions = {}): Promise<Standby> {
  const { username } = new URL(leader.url)
  const conninfo = `host=127.0.0.1 port=${leader.port} user=${username} password=${leader.password}`
  const settings = {
    recovery_min_apply_delay: `${options.applyDelayMs ?? 0}ms`,
    wal_receiver_status_interval: '100ms',
    wal_retrieve_retry_interval: '100ms',
  }
  const server = await serverProcess(settings, async ({ data, user }) => {
    await copyCluster(leader, data)
    await writeFile(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`)
    await giveTo(user, data)
  })
  return Object.assign(server, {
    pause: async () => void await runOn(server.url, 'SELECT pg_wal_replay_pause()'),
    resume: async () => void await runOn(server.url, 'SELECT pg_wal_replay_resume()'),
    promote: async () => void await runOn(server.url, 'SELECT pg_promote()'),
    async detach () {
      await runOn(server.url, `ALTER SYSTEM SET primary_conninfo TO ''`)
      await runOn(server.url, 'SELECT pg_reload_conf()')
      await waitUntil('it receives nothing more', async () => {
        return (await runOn(server.url, 'SELECT FROM pg_stat_wal_receiver')).length === 0
      })
    },
    async caughtUp () {
      const [row] = await runOn(leader.url, 'SELECT pg_current_wal_insert_lsn()::text AS lsn')
      const target = replayTarget(parseLsn(String(row?.['lsn'])), 8_192)
      await waitUntil('the standby has caught up', async () => {
        const [now] = await runOn(
          server.url,
          `SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') >= ${target} AS done`
        )
        return now?.['done'] === true
      })
    },
  })
}

/**
 * A base backup as pg_basebackup makes it, which the embedded binaries do not have.
 *
 * @see https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
async function copyCluster (leader: ServerProcess, data: string): Promise<void> {
  const client = new pg.Client({ connectionString: leader.url })
  await client.connect()
  try {
    await client.query(`SELECT pg_backup_start('standby', fast => true)`)
    await copyTo(leader.data, data)
    const { rows: [label] } = await client.query<{ labelfile: string }>(
      'SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)'
    )
    await writeFile(join(data, 'backup_label'), label?.labelfile ?? '')
  } finally {
    await client.end()
  }
  await mkdir(join(data, 'pg_wal', 'archive_status'), { recursive: true })
  await writeFile(join(data, 'standby.signal'), '')
  await chmod(data, 0o700)
}

async function giveTo (
  user: { readonly uid: number; readonly gid: number } | undefined,
  data: string
): Promise<void> {
  if (user === undefined) return
  await chown(data, user.uid, user.gid)
  for (const entry of await readdir(data, { withFileTypes: true, recursive: true })) {
    await chown(join(entry.parentPath, entry.name), user.uid, user.gid)
  }
}

/** Files come and go while the server runs; what a copy may miss, its WAL brings back. */
async function copyTo (from: string, to: string): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      await cp(from, to, { recursive: true, filter: (source) => !leftOut.test(relative(from, source)) })
      return
    } catch (error) {
      if (tries === 5 || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

const leftOut =
  /^(?:postmaster\.(?:pid|opts)|pg_wal\/.*|pg_replslot\/.*|pg_dynshmem\/.*|pg_stat_tmp\/.*)$|pgsql_tmp/
