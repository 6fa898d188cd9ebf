import type { Clock } from '../../../kernel/index.ts'
import type { ConnectionPolicy, TlsPolicy } from '../plan.ts'
import type { FailureKind } from '../report.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import type { Carrier, Exchange } from './exchange.ts'
import { PatienceLine } from './patience.ts'
import type { KeptResponse, ReadResponse } from './response-reader.ts'
import type { Target } from './target.ts'

export interface ClientOptions {
  readonly clock: Pick<Clock, 'now'>
  readonly targets: readonly Target[]
  readonly policy: ConnectionPolicy
  /** Connections at most, over all targets. */
  readonly maximum: number
  readonly giveUp: 'close' | 'reset'
  readonly tls?: TlsPolicy
  /** Told how long each connection took to stand. */
  readonly onConnected?: (tookMs: number) => void
}

/** Many users' connections to the targets, and the requests under way on them. */
export class Client implements ConnectionOwner {
  readonly #options: ClientOptions
  /** By target; the one that was used last is at the end. Those that have gone are passed over. */
  readonly #idle: Connection[][]
  readonly #all = new Set<Carrier>()
  /** Exchanges without a connection, in order; by target. */
  readonly #waiting: Set<Exchange>[]
  /** Those that are opened ahead, and who waits for them. */
  readonly #opening = new Map<Connection, (stands: boolean) => void>()
  /** One for each patience that requests have; few. */
  readonly #patience: PatienceLine[] = []
  readonly #fresh: boolean
  #inFlight = 0
  #sources = 0
  #closing = false
  opened = 0
  failedToOpen = 0
  reused = 0
  closedIdle = 0
  openAtMost = 0
  /** Everything that came or failed; tells whether anything has happened. */
  events = 0

  constructor (options: ClientOptions) {
    this.#options = options
    this.#fresh = options.policy.kind === 'fresh'
    this.#idle = options.targets.map(() => [])
    this.#waiting = options.targets.map(() => new Set<Exchange>())
  }

  /** Requests begun and not settled. */
  get inFlight (): number {
    return this.#inFlight
  }

  get openConnections (): number {
    return this.#all.size
  }

  /** When the next exchange runs out of patience; `Infinity` for none. */
  get nextExpiryMs (): number {
    let next = Infinity
    for (const line of this.#patience) if (line.nextMs < next) next = line.nextMs
    return next
  }

  /** Sends a request now, on a connection that stands, a new one, or the next that becomes free. */
  begin (exchange: Exchange): void {
    this.#inFlight++
    this.#lineOf(exchange).add(exchange)
    const idle = this.#fresh ? undefined : this.#popIdle(exchange.target)
    if (idle !== undefined) {
      this.reused++
      exchange.sentMs = this.#options.clock.now()
      idle.send(exchange)
    } else if (this.#all.size < this.#options.maximum) this.#sendAnew(exchange)
    else {
      exchange.waiting = true
      this.#waiting[exchange.target]?.add(exchange)
    }
  }

  /** Gives up on every exchange whose patience has ended. */
  expire (nowMs: number): void {
    let gaveUp = false
    for (const line of this.#patience) {
      for (let late = line.expired(nowMs); late !== undefined; late = line.expired(nowMs)) {
        const wasWaiting = late.waiting
        late.connection?.leave(this.#options.giveUp === 'reset')
        if (late.connection !== undefined) this.#all.delete(late.connection)
        this.#settle(late)
        late.owner.failed(late, wasWaiting ? 'unsent' : 'timeout')
        gaveUp = true
      }
    }
    // Not before: who waits may have run out of patience too.
    if (gaveUp) this.#fillRoom()
  }

  /**
   * Opens connections that stand idle until they are used.
   *
   * @returns how many stand
   */
  async open (count: number, signal: AbortSignal): Promise<number> {
    // Fewer at a time than any listener's backlog holds.
    const atATime = 100
    let standing = 0
    for (let begun = 0; begun < count && !signal.aborted; begun += atATime) {
      const batch = Array.from(
        { length: Math.min(atATime, count - begun) },
        (_, at) => this.#openIdle((begun + at) % this.#options.targets.length, signal)
      )
      const stand = await Promise.all(batch)
      standing += stand.filter(Boolean).length
      if (!stand.includes(true)) break
    }
    return standing
  }

  /** Leaves all connections; what is under way is not told. */
  close (): void {
    this.#closing = true
    for (const connection of this.#all) connection.leave(false)
    this.#all.clear()
  }

  connected (connection: Connection): void {
    this.events++
    this.opened++
    this.#options.onConnected?.(this.#options.clock.now() - connection.begunMs)
    this.#opening.get(connection)?.(true)
  }

  answered (
    connection: Connection,
    exchange: Exchange,
    response: ReadResponse,
    kept: KeptResponse | undefined,
    reusable: boolean
  ): void {
    this.events++
    this.#settle(exchange)
    if (reusable && !this.#fresh) this.#free(connection)
    else {
      connection.leave(false)
      this.#forget(connection)
    }
    exchange.owner.answered(exchange, response, kept)
  }

  lost (connection: Connection, exchange: Exchange | undefined, kind: FailureKind): void {
    this.events++
    if (!connection.standing) this.failedToOpen++
    else if (exchange === undefined) this.closedIdle++
    this.#opening.get(connection)?.(false)
    if (exchange !== undefined) this.#settle(exchange)
    this.#forget(connection)
    exchange?.owner.failed(exchange, kind)
  }

  async #openIdle (target: number, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const connection = this.#connect(target)
    const abort = (): void => resolve(false)
    signal.addEventListener('abort', abort, { once: true })
    this.#opening.set(connection, resolve)
    const stands = await promise
    signal.removeEventListener('abort', abort)
    this.#opening.delete(connection)
    if (stands && !connection.gone) this.#free(connection)
    return stands
  }

  #sendAnew (exchange: Exchange): void {
    exchange.waiting = false
    exchange.sentMs = this.#options.clock.now()
    this.#connect(exchange.target).send(exchange)
  }

  #connect (targetIndex: number): Connection {
    const { targets, policy, tls = {}, clock } = this.#options
    const target = targets[targetIndex]
    if (target === undefined) throw new RangeError(`there is no target ${targetIndex}`)
    const { sources = [] } = policy
    const localAddress = sources.length === 0 ? undefined : sources[this.#sources++ % sources.length]
    const connection = new Connection(this, { target, targetIndex, tls, localAddress }, clock.now())
    this.#all.add(connection)
    if (this.#all.size > this.openAtMost) this.openAtMost = this.#all.size
    return connection
  }

  /** Hands a connection to who waits for one, or lets it stand. */
  #free (connection: Connection): void {
    const waiting = this.#waiting[connection.targetIndex]
    if (waiting === undefined || waiting.size === 0) {
      this.#idle[connection.targetIndex]?.push(connection)
      return
    }
    for (const next of waiting) {
      waiting.delete(next)
      next.waiting = false
      next.sentMs = this.#options.clock.now()
      this.reused++
      connection.send(next)
      return
    }
  }

  #popIdle (target: number): Connection | undefined {
    const idle = this.#idle[target]
    let connection = idle?.pop()
    while (connection?.gone === true) connection = idle?.pop()
    return connection
  }

  #forget (connection: Carrier): void {
    if (!this.#all.delete(connection) || this.#closing) return
    const idle = this.#idle[connection.targetIndex]
    // Those at the bottom of the pile may never be popped.
    if (idle !== undefined && idle.length > 2 * this.#all.size + 64) {
      this.#idle[connection.targetIndex] = idle.filter(({ gone }) => !gone)
    }
    this.#fillRoom()
  }

  #fillRoom (): void {
    for (const waiting of this.#waiting) {
      for (const next of waiting) {
        if (this.#all.size >= this.#options.maximum) return
        waiting.delete(next)
        this.#sendAnew(next)
      }
    }
  }

  #settle (exchange: Exchange): void {
    if (exchange.settled) return
    exchange.settled = true
    this.#inFlight--
    this.#lineOf(exchange).remove(exchange)
    if (exchange.waiting) this.#waiting[exchange.target]?.delete(exchange)
  }

  #lineOf ({ request: { patienceMs } }: Exchange): PatienceLine {
    let line = this.#patience.find((each) => each.patienceMs === patienceMs)
    if (line === undefined) this.#patience.push(line = new PatienceLine(patienceMs))
    return line
  }
}
