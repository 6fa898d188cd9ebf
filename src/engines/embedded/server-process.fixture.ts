import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testPort } from '../test-port.fixture.ts'
import { waitUntil } from '../wait-until.fixture.ts'
import { findBinaries } from './binaries.ts'
import { ensureCluster, readPassword, superuser } from './cluster.ts'
import { findPlace, type Place } from './place.ts'
import { readPostmasterFile } from './postmaster-file.ts'
import { isAlive, processesIn } from './process-alive.ts'
import { runProgram } from './program.ts'

/** A PostgreSQL that only this process knows: started, stopped and killed as the test says. */
export interface ServerProcess extends AsyncDisposable {
  /** By TCP, password included. */
  readonly url: string
  /** PGDATA. */
  readonly data: string
  readonly port: number
  readonly password: string
  readonly place: Place
  readonly pid: number
  /** SIGKILL to the server and its children, as a lost machine would; the data stay. */
  kill(): Promise<void>
  /** Starts it again on the same data and port, after `kill`. */
  start(): Promise<void>
}

/** Small and quick; tests kill processes, not machines. */
const settings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '16MB',
  max_connections: '100',
  max_wal_size: '256MB',
  wal_keep_size: '64MB',
  autovacuum: 'off',
  jit: 'off',
  huge_pages: 'off',
  timezone: 'UTC',
}

/** Servers end with the program, however it ends; but for a kill, which nobody hears. */
const running = new Set<number>()
process.once('exit', () => {
  for (const pid of running) {
    if (isAlive(pid)) process.kill(pid, 'SIGQUIT')
  }
})

/**
 * Starts a server in a folder of its own, which goes with it.
 *
 * @param fill makes the data directory; by default they are a new cluster's
 */
export async function serverProcess (
  given: Readonly<Record<string, string>> = {},
  fill: (place: Place) => Promise<void> = (place) => ensureCluster(place, () => {})
): Promise<ServerProcess> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'plimsoll-server-')))
  await chmod(folder, 0o755)
  const place = await findPlace(folder, await findBinaries(), () => {})
  await fill(place)
  const port = await testPort()
  const args = [
    '-D',
    place.data,
    '-p',
    String(port),
    ...Object.entries({ ...settings, ...given })
      .flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ]
  let pid = 0

  /** @returns whether it has; not, while a killed one's memory is being taken away, which its process may outlive */
  async function hasStarted (): Promise<boolean> {
    const child = await runProgram('postgres', args, place, 'pipe')
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (part: Buffer) => said = (said + part.toString()).slice(-4_000))
    }
    child.unref()
    pid = child.pid ?? 0
    running.add(pid)
    let isTooEarly = false
    await waitUntil('the server accepts connections', async () => {
      if (child.exitCode !== null) {
        isTooEarly = said.includes('shared memory block')
        if (!isTooEarly) throw new Error(`the server ended (${child.exitCode}): ${said}`)
        running.delete(pid)
        return true
      }
      const file = await readPostmasterFile(place.data)
      return file?.pid === pid && (file.status === 'ready' || file.status === 'standby')
    })
    return !isTooEarly
  }

  async function start (): Promise<void> {
    await waitUntil('the server has started', hasStarted)
  }

  async function kill (): Promise<void> {
    for (const each of new Set([pid, ...await processesIn(place.data)])) {
      if (isAlive(each)) process.kill(each, 'SIGKILL')
    }
    await waitUntil('the killed server is gone', async () => (await processesIn(place.data)).length === 0)
    running.delete(pid)
    await rm(join(place.data, 'postmaster.pid'), { force: true })
  }

  await start()
  const password = await readPassword(place)
  return {
    url: `postgres://${superuser}:${password}@127.0.0.1:${port}/postgres`,
    data: place.data,
    port,
    password,
    place,
    get pid () {
      return pid
    },
    kill,
    start,
    async [Symbol.asyncDispose] () {
      await kill()
      await rm(place.home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
      await rm(folder, { recursive: true, force: true })
      if (place.sockets !== undefined) await rm(place.sockets, { recursive: true, force: true })
    },
  }
}
