import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { open, rename, stat } from 'node:fs/promises'
import { type Clock, sleep } from '../../kernel/index.ts'
import { EmbeddedUnavailableError, systemCode } from './errors.ts'
import type { Place } from './place.ts'
import { type PostmasterFile, readPostmasterFile } from './postmaster-file.ts'
import { isAlive, isServerOf, processesIn } from './process-alive.ts'
import { runProgram } from './program.ts'

/** How often the server's own files are looked at while it starts or stops, in milliseconds. */
const pollMs = 10

const largestLogBytes = 4 * 1024 * 1024

/**
 * What the server runs with: made for development, on a machine that it shares with an editor and a browser.
 * What a commit promises is not weakened: `fsync` and `synchronous_commit` stay on.
 */
const developmentSettings: Readonly<Record<string, string>> = {
  shared_buffers: '64MB',
  // Workers times their pools, and some for tools.
  max_connections: '200',
  max_wal_size: '256MB',
  // Compiling pays off on queries of seconds, which development does not wait for.
  jit: 'off',
  huge_pages: 'off',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
}

export type StartResult =
  | { readonly kind: 'ready'; readonly file: PostmasterFile }
  /** The socket's lock file names a process that lives, or has not been collected yet. */
  | { readonly kind: 'socket taken' }
  /** Another process started a server on the same data first. */
  | { readonly kind: 'overtaken' }
  /** The lock file is there and empty: another server writes it at this moment, or died when it was about to. */
  | { readonly kind: 'half written' }
  | { readonly kind: 'port taken' }
  /** Children of a killed server still hold its shared memory. */
  | { readonly kind: 'orphans' }

/**
 * Starts a server that outlives this process, and waits until it is ready, crash recovery included.
 *
 * @throws EmbeddedUnavailableError with what the server logged, when it ends for a reason of its own
 */
export async function startServer (
  place: Place,
  port: number,
  settings: Readonly<Record<string, string>>,
  clock: Clock
): Promise<StartResult> {
  const logStart = await rotateLog(place.log)
  const log = openSync(place.log, 'a', 0o600)
  let server: ChildProcess
  try {
    server = await runProgram('postgres', serverArgs(place, port, settings), place, log, true)
  } finally {
    closeSync(log)
  }
  while (server.exitCode === null && server.signalCode === null) {
    const file = await readPostmasterFile(place.data)
    if (file?.status === 'ready' && file.pid === server.pid) {
      server.unref()
      return { kind: 'ready', file }
    }
    await sleep(clock, pollMs)
  }
  return explainExit(await readFrom(place.log, logStart), place)
}

function serverArgs (
  place: Place,
  port: number,
  settings: Readonly<Record<string, string>>
): readonly string[] {
  const all: Record<string, string> = {
    ...developmentSettings,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: place.sockets ?? '',
    unix_socket_permissions: '0700',
    ...settings,
  }
  return [
    '-D',
    place.data,
    '-p',
    String(port),
    ...Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ]
}

function explainExit (said: string, place: Place): StartResult {
  if (said.includes('lock file "postmaster.pid" already exists')) return { kind: 'overtaken' }
  if (said.includes('lock file "postmaster.pid" is empty')) return { kind: 'half written' }
  if (/lock file ".*\.s\.PGSQL\.\d+\.lock" already exists/.test(said)) return { kind: 'socket taken' }
  if (/Address already in use|could not bind|could not create any TCP\/IP sockets/.test(said))
    return { kind: 'port taken' }
  if (said.includes('pre-existing shared memory block')) return { kind: 'orphans' }
  throw new EmbeddedUnavailableError(
    `the server ended while it started; ${place.log} says: ${said.trim().slice(-2_000)}`
  )
}

/** @returns where the log of the next server begins, in bytes */
async function rotateLog (log: string): Promise<number> {
  try {
    const { size } = await stat(log)
    if (size < largestLogBytes) return size
    await rename(log, `${log}.old`)
    return 0
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0
    throw error
  }
}

async function readFrom (path: string, start: number): Promise<string> {
  await using file = await open(path)
  const chunks: Buffer[] = []
  for await (const chunk of file.createReadStream({ start })) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/**
 * PostgreSQL's ways to be told to stop: with a clean end, with a recovery at the next start, and by force.
 */
const stopSteps: readonly { readonly signal: NodeJS.Signals; readonly waitMs: number }[] = [
  { signal: 'SIGINT', waitMs: 10_000 },
  { signal: 'SIGQUIT', waitMs: 3_000 },
  { signal: 'SIGKILL', waitMs: 3_000 },
]

/**
 * Stops the server with process id `pid`: open transactions are rolled back, sessions are closed. One that
 * does not stop in 10 seconds is made to; the next start then recovers.
 *
 * @param how `hard` leaves out the clean end, for a server that does not answer
 * @throws EmbeddedUnavailableError when it outlives even that
 */
export async function stopServer (
  pid: number,
  place: Place,
  clock: Clock,
  how: 'clean' | 'hard' = 'clean'
): Promise<void> {
  for (const { signal, waitMs } of how === 'hard' ? stopSteps.slice(1) : stopSteps) {
    if (!(await isServerOf(pid, place.data))) return
    signalProcess(pid, signal)
    if (await isGone(pid, place, waitMs, clock)) return
  }
  throw new EmbeddedUnavailableError(`the server with process id ${pid} does not stop, not even when killed`)
}

/** Ends what a killed server left behind, so that its shared memory is free. */
export async function stopOrphans (place: Place, clock: Clock): Promise<void> {
  for (const pid of await processesIn(place.data)) signalProcess(pid, 'SIGQUIT')
  await sleep(clock, 10 * pollMs)
}

/** @returns whether the server ended within `waitMs` */
export async function isGone (pid: number, place: Place, waitMs: number, clock: Clock): Promise<boolean> {
  const limitMs = clock.now() + waitMs
  while (await isServerOf(pid, place.data)) {
    if (clock.now() >= limitMs) return false
    await sleep(clock, pollMs)
  }
  return true
}

function signalProcess (pid: number, signal: NodeJS.Signals): void {
  if (isAlive(pid)) process.kill(pid, signal)
}
