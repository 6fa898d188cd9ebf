/**
 * How a flight ended: with a value; each has to go on its own; the route failed; or the leader left, and
 * another may lead.
 */
export type Outcome<Value> = Value | 'unshareable' | 'failed' | 'lost'

/** One making of a value in this process, and those who wait for it. */
export class LocalFlight<Value> {
  readonly startedMs: number
  readonly #landed: PromiseWithResolvers<Outcome<Value>> = Promise.withResolvers()
  readonly #ended: () => void

  constructor (startedMs: number, ended: () => void) {
    this.startedMs = startedMs
    this.#ended = ended
  }

  get landed (): Promise<Outcome<Value>> {
    return this.#landed.promise
  }

  /** A second call does nothing. */
  land (outcome: Outcome<Value>): void {
    this.#landed.resolve(outcome)
    this.#ended()
  }
}

/** A leader of whom nothing is heard for so long is taken for lost. */
const longestMs = 60_000
/** For so long after an answer that could not be kept nobody waits for the next one of its key. */
const markedMs = 10_000
const mostMarks = 10_000

/** Who makes which value in this process, and for which keys waiting is in vain. */
export class LocalFlights<Value> {
  readonly #flights: Map<string, LocalFlight<Value>> = new Map()
  readonly #marks: Map<string, number> = new Map()

  underWay (key: string, nowMs: number): LocalFlight<Value> | undefined {
    const flight = this.#flights.get(key)
    if (flight === undefined || nowMs - flight.startedMs <= longestMs) return flight
    flight.land('lost')
    return undefined
  }

  begin (key: string, nowMs: number): LocalFlight<Value> {
    const flight = new LocalFlight<Value>(nowMs, () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    })
    this.#flights.set(key, flight)
    return flight
  }

  /**
   * The answer of `key` could not be kept: so that requests for it are not served one after the other, none
   * waits.
   */
  mark (key: string, nowMs: number): void {
    if (this.#marks.size >= mostMarks) this.#marks.clear()
    this.#marks.set(key, nowMs + markedMs)
  }

  unmark (key: string): void {
    this.#marks.delete(key)
  }

  isMarked (key: string, nowMs: number): boolean {
    const untilMs = this.#marks.get(key)
    if (untilMs === undefined) return false
    if (nowMs < untilMs) return true
    this.#marks.delete(key)
    return false
  }
}
