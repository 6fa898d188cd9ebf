import { join } from 'node:path'
import pg from 'pg'
import { type Clock, sleep } from '../../kernel/index.ts'
import { freePort } from '../free-port.ts'
import { database, readPassword, readPort, rememberPort, superuser } from './cluster.ts'
import { EmbeddedUnavailableError } from './errors.ts'
import { watchForIdleness } from './idle-watch.ts'
import type { Place } from './place.ts'
import {
  type PostmasterFile,
  postmasterFileOf,
  readLockFile,
  readPostmasterFile,
  removeEmptyFile,
  removeStaleFile,
} from './postmaster-file.ts'
import { Presence } from './presence.ts'
import { isServerOf } from './process-alive.ts'
import { isGone, startServer, stopOrphans, stopServer } from './server.ts'

export interface EnterOptions {
  readonly place: Place
  readonly settings: Readonly<Record<string, string>>
  readonly patienceMs: number
  readonly idleMs: number
  readonly clock: Clock
  readonly log: (message: string) => void
  readonly onProgress: (message: string) => void
}

export interface Entered {
  readonly url: string
  readonly pid: number
  readonly presence: Presence
}

/** A server of 18 starts in tens of milliseconds; replaying a full WAL of 256 MB takes some seconds. */
const startLimitMs = 60_000
const stopLimitMs = 5_000
const retryMs = 20

/**
 * Enters the running server of `place`, or starts one. It looks again after every step, since other processes
 * start, stop and kill servers on the same data at the same time.
 *
 * @throws EmbeddedUnavailableError when there is no server to enter within a minute
 */
export async function enterServer (options: EnterOptions): Promise<Entered> {
  const { place, clock } = options
  const limitMs = clock.now() + startLimitMs
  while (clock.now() < limitMs) {
    const file = await readPostmasterFile(place.data)
    const entered = file !== undefined && await isServerOf(file.pid, place.data) ?
      await enterRunning(file, options) :
      await startAndEnter(file, options)
    if (entered !== undefined) return entered
    await sleep(clock, retryMs)
  }
  throw new EmbeddedUnavailableError(
    `no server got ready in ${
      startLimitMs / 1000
    } s; ${place.log} tells more, and "rm -r ${place.home}" starts empty`
  )
}

/** @returns undefined when it is worth another look */
async function enterRunning (file: PostmasterFile, options: EnterOptions): Promise<Entered | undefined> {
  const { place, patienceMs, clock, log } = options
  if (file.status === 'stopping') {
    await isGone(file.pid, place, stopLimitMs, clock)
    return undefined
  }
  if (file.status !== 'ready') return undefined
  try {
    return await enter(file, place, patienceMs)
  } catch (error) {
    if (error instanceof EmbeddedUnavailableError) throw error
    const code = error instanceof pg.DatabaseError ? error.code : undefined
    // Starting up, shutting down, or cut off while it shut down.
    if (code === '57P03' || code === '57P01') return undefined
    if (code !== undefined)
      throw new EmbeddedUnavailableError(`the running server refused us: ${String(error)}`, error)
    if (!(await isServerOf(file.pid, place.data))) return undefined
    log(`the server with process id ${file.pid} runs but does not answer; it is stopped and started again`)
    await stopServer(file.pid, place, clock, 'hard')
    return undefined
  }
}

async function startAndEnter (
  stale: PostmasterFile | undefined,
  { place, settings, patienceMs, idleMs, clock, log, onProgress }: EnterOptions
): Promise<Entered | undefined> {
  if (stale !== undefined) {
    log('the server was killed the last time; it recovers what was committed')
    await removeStaleFile(postmasterFileOf(place.data), stale.pid)
  }
  onProgress('starting the server')
  const remembered = await readPort(place)
  const port = remembered ?? await freePort()
  const result = await startServer(place, port, settings, clock)
  if (result.kind === 'port taken') await rememberPort(place, await freePort())
  if (result.kind === 'socket taken') await freeSocket(place, port)
  if (result.kind === 'half written') await removeEmptyFile(postmasterFileOf(place.data), clock)
  if (result.kind === 'orphans') await stopOrphans(place, clock)
  if (result.kind !== 'ready') return undefined
  if (port !== remembered) await rememberPort(place, port)
  const entered = await enter(result.file, place, patienceMs)
  await watchForIdleness(urlOf(result.file, await readPassword(place), 'postgres'), idleMs)
  return entered
}

/** The folder is this server's alone, so only a server on the same data may hold a lock there. */
async function freeSocket (place: Place, port: number): Promise<void> {
  const lock = join(place.sockets ?? '', `.s.PGSQL.${port}.lock`)
  const holder = await readLockFile(lock)
  if (holder !== undefined && !(await isServerOf(holder.pid, place.data)))
    await removeStaleFile(lock, holder.pid)
}

async function enter (file: PostmasterFile, place: Place, patienceMs: number): Promise<Entered | undefined> {
  const password = await readPassword(place)
  const presence = await Presence.enter(urlOf(file, password, 'postgres'), patienceMs)
  if (presence === undefined) return undefined
  try {
    await presence.ensureDatabase(database)
  } catch (error) {
    await presence.leave()
    throw error
  }
  return { url: urlOf(file, password, database), pid: file.pid, presence }
}

function urlOf ({ port, socketFolder }: PostmasterFile, password: string, name: string): string {
  const url = `postgres://${superuser}:${password}@127.0.0.1:${port}/${name}`
  return socketFolder === '' ? url : `${url}?host=${encodeURIComponent(socketFolder)}`
}
