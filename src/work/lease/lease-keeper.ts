import { type Cancel, type Clock, runWithoutContext, systemClock } from '../../kernel/index.ts'
import { LeaseLostError } from './errors.ts'

export interface LeaseKeeperOptions {
  /**
   * Prolongs leases to `leaseMs` from when the store hears of it.
   *
   * @returns the tokens whose leases are gone
   */
  readonly renew: (tokens: readonly bigint[]) => Promise<readonly bigint[]>
  /** How long a lease holds without a renewal, in milliseconds. */
  readonly leaseMs: number
  /** Hears of renewals that failed; they are tried again. */
  readonly onRenewError?: (error: unknown) => void
  readonly clock?: Clock
}

/** A lease that is renewed until it is dropped or lost. */
export interface KeptLease {
  readonly token: bigint
  /** Aborts with a {@link LeaseLostError} when the lease is lost, or might be. */
  readonly signal: AbortSignal
}

class Kept implements KeptLease {
  readonly token: bigint
  readonly name: string
  readonly #controller: AbortController = new AbortController()
  /** On the clock's `now()`: from here on it might be somebody else's. */
  endsMs: number

  constructor (token: bigint, name: string, endsMs: number) {
    this.token = token
    this.name = name
    this.endsMs = endsMs
  }

  get signal (): AbortSignal {
    return this.#controller.signal
  }

  lose (): void {
    this.#controller.abort(new LeaseLostError(this.name, this.token))
  }
}

/**
 * Renews all leases of a process with one statement each third of a lease, and tells who holds one that it is lost:
 * when the store says so, and when nine tenths of the lease have passed since the last renewal that succeeded was
 * sent. By then the store, which counts from when it heard of it, has not given the lease to anybody else; the tenth
 * that is left is for what must still stop, and for clocks that do not run equally fast.
 *
 * A process that was paused finds out as soon as it runs again; what it did in between, nobody can prevent. That is
 * what the fencing token is for.
 */
export class LeaseKeeper {
  readonly #renew: LeaseKeeperOptions['renew']
  readonly #onRenewError: (error: unknown) => void
  readonly #leaseMs: number
  readonly #clock: Clock
  readonly #held: Map<bigint, Kept> = new Map()
  #cancelBeat: Cancel | undefined
  #cancelWatch: Cancel | undefined
  #renewing = false
  #closed = false

  constructor ({ renew, leaseMs, onRenewError = () => {}, clock = systemClock }: LeaseKeeperOptions) {
    this.#renew = renew
    this.#leaseMs = leaseMs
    this.#onRenewError = onRenewError
    this.#clock = clock
  }

  /**
   * @param sentMs the clock's `now()` before the statement was sent that took the lease
   * @param name what is held, for people
   */
  keep (token: bigint, sentMs: number, name: string): KeptLease {
    const kept = new Kept(token, name, this.#endOf(sentMs))
    if (this.#closed) kept.lose()
    else {
      this.#held.set(token, kept)
      this.#watch()
    }
    return kept
  }

  /** It is not renewed any more. */
  drop (token: bigint): void {
    this.#held.delete(token)
    if (this.#held.size === 0) this.#rest()
  }

  /** Whether nobody else can hold it by now: false when it is lost, dropped, or in doubt. */
  holds (token: bigint): boolean {
    const kept = this.#held.get(token)
    return kept !== undefined && kept.endsMs > this.#clock.now()
  }

  /** Tokens that are renewed. */
  get tokens (): readonly bigint[] {
    return [...this.#held.keys()]
  }

  /** Renews now, out of turn: a holder wants to hear of what renewals tell. */
  async beat (): Promise<void> {
    this.#loseLapsed()
    if (this.#renewing || this.#held.size === 0) return
    const sentMs = this.#clock.now()
    const due = [...this.#held.values()]
    this.#renewing = true
    try {
      const tokens = due.map(({ token }) => token)
      const lost = new Set(await runWithoutContext(() => this.#renew(tokens)))
      for (const kept of due) {
        if (this.#held.get(kept.token) !== kept) continue
        if (lost.has(kept.token)) this.#lose(kept)
        else kept.endsMs = this.#endOf(sentMs)
      }
    } catch (error) {
      this.#onRenewError(error)
    } finally {
      this.#renewing = false
    }
    this.#watch()
  }

  /** Stops renewing. What is held counts as lost. */
  close (): void {
    this.#closed = true
    for (const kept of this.#held.values()) this.#lose(kept)
    this.#rest()
  }

  #endOf (sentMs: number): number {
    return sentMs + this.#leaseMs * 0.9
  }

  #lose (kept: Kept): void {
    this.#held.delete(kept.token)
    kept.lose()
  }

  #loseLapsed (): void {
    const nowMs = this.#clock.now()
    for (const kept of this.#held.values()) if (kept.endsMs <= nowMs) this.#lose(kept)
  }

  /** Sees to the next beat, and to the next end. */
  #watch (): void {
    if (this.#held.size === 0) return this.#rest()
    this.#cancelBeat ??= this.#clock.every(this.#leaseMs / 3, () => void this.beat())
    this.#cancelWatch?.()
    const endsMs = Math.min(...[...this.#held.values()].map((kept) => kept.endsMs))
    this.#cancelWatch = this.#clock.after(Math.max(0, endsMs - this.#clock.now()), () => {
      this.#loseLapsed()
      this.#watch()
    })
  }

  #rest (): void {
    this.#cancelBeat?.()
    this.#cancelWatch?.()
    this.#cancelBeat = this.#cancelWatch = undefined
  }
}
