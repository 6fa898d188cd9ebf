import { type Clock, type Context, type Random, sleep } from '../../kernel/index.ts'
import type { DoubtBudget } from './doubt-budget.ts'
import type { WalPosition } from './lsn.ts'
import type { PrimaryReason, ReplicaMetrics } from './metrics.ts'
import type { PrimaryWatch } from './primary-watch.ts'
import type { Replica } from './replica.ts'
import type { TokenSeal } from './token.ts'
import type { UnitNotes, WriteNotes } from './write-notes.ts'

/** Where a read goes: to a replica, or to the primary, with the reason. */
export type Route = Replica | PrimaryReason

export interface RouterOptions {
  readonly notes: WriteNotes
  readonly primary: PrimaryWatch
  readonly replicas: readonly Replica[]
  readonly seal: TokenSeal
  readonly budget: DoubtBudget
  readonly metrics: ReplicaMetrics
  readonly clock: Clock
  readonly random: Random
  readonly maxLagMs: number
  readonly waitMs: number
}

/** How often a replica that is waited for is asked, in milliseconds. */
const askEachMs = 2
/** For how long nobody waits for a replica after a wait in vain, in milliseconds. */
const restMs = 1_000

/**
 * Chooses for each read a server that shows all that its unit of work has written: a replica that is known to have
 * replayed it, else the primary.
 */
export class ReadRouter {
  readonly #options: RouterOptions

  constructor (options: RouterOptions) {
    this.#options = options
  }

  /** A promise only where somebody must be asked. Never rejects. */
  route (context: Context | undefined): Route | Promise<Route> {
    const { notes, replicas } = this.#options
    if (replicas.length === 0) return 'none'
    const unit = notes.find(context)
    if (unit === undefined) return this.#choose(undefined)
    if (unit.token !== undefined) this.#readToken(unit)
    if (unit.inDoubt) return 'token'
    return isCovered(unit) ? this.#near(unit.floor, context) : this.#learnAndRoute(unit, context)
  }

  /**
   * The token that makes the client's next unit of work show what this one wrote.
   *
   * @param limitMs how long the primary may be waited for; past that, the token says that nobody could tell
   * @returns undefined when it wrote nothing; a promise only where the primary must be asked
   */
  token (context: Context | undefined, limitMs: number): string | undefined | Promise<string | undefined> {
    const { notes, clock } = this.#options
    const unit = notes.find(context)
    if (unit?.wrote !== true || this.#options.replicas.length === 0) return undefined
    if (isCovered(unit)) return this.#write(unit)
    const late = Promise.withResolvers<boolean>()
    const cancel = clock.after(limitMs, () => late.resolve(false))
    return Promise.race([this.#learn(unit), late.promise])
      .then((known) => known ? this.#write(unit) : this.#options.seal.write('in-doubt'))
      .finally(cancel)
  }

  #write ({ floor }: UnitNotes): string {
    return this.#options.seal.write(floor ?? 'in-doubt')
  }

  /** Makes of the unit's token what its reads must show. */
  #readToken (unit: UnitNotes): void {
    const { seal, budget, metrics: { tokens }, primary: { timeline, ruler: { last } } } = this.#options
    const claim = seal.read(unit.token!)
    unit.token = undefined
    if (claim === undefined) {
      unit.inDoubt = budget.take()
      tokens[unit.inDoubt ? 'invalid' : 'invalid_ignored'].add()
      return
    }
    tokens.accepted.add()
    if (claim === 'in-doubt') unit.writes++
    else if (last !== undefined && claim.timeline <= timeline! && claim.lsn <= last.lsn) unit.raise(claim)
    else unit.claim = claim
  }

  async #learnAndRoute (unit: UnitNotes, context: Context | undefined): Promise<Route> {
    if (!await this.#learn(unit)) return 'unknown'
    return unit.inDoubt ? 'token' : this.#near(unit.floor, context)
  }

  /** Asks the primary where it stands, and makes that what the unit's reads must show. */
  async #learn (unit: UnitNotes): Promise<boolean> {
    const { writes, claim } = unit
    let position: WalPosition
    try {
      position = await this.#options.primary.position()
    } catch {
      return false
    }
    if (claim !== undefined && unit.claim === claim) {
      unit.claim = undefined
      this.#settle(unit, claim, position)
    }
    if (writes > unit.covered) {
      unit.raise(position)
      unit.covered = writes
    }
    return true
  }

  /** Holds a claim against where the primary stands by now. */
  #settle (unit: UnitNotes, claim: WalPosition, position: WalPosition): void {
    const { budget, metrics: { tokens } } = this.#options
    if (claim.timeline > position.timeline) {
      // Of the two, the one that knows less of the primary is this process.
      tokens.other_timeline.add()
      unit.inDoubt = budget.take()
      unit.raise(position)
    } else if (claim.lsn > position.lsn) {
      // What was written there is not in the primary's history: it was lost in a failover or a crash.
      tokens.ahead.add()
      unit.raise(position)
    } else unit.raise(claim)
  }

  /** A replica that shows `floor` by now, or in a moment. */
  #near (floor: WalPosition | undefined, context: Context | undefined): Route | Promise<Route> {
    const chosen = this.#choose(floor)
    if (chosen !== 'own_write' || floor === undefined) return chosen
    const { replicas, waitMs, clock } = this.#options
    const limitMs = Math.min(waitMs, (context?.deadline.remainingMs() ?? Number.POSITIVE_INFINITY) / 2)
    if (!(limitMs >= 1)) return chosen
    const nowMs = clock.now()
    const near = replicas.filter((replica) => this.#serves(replica) && nowMs >= replica.vainUntilMs)
    return near.length === 0 ? chosen : this.#wait(near, floor, limitMs)
  }

  async #wait (near: readonly Replica[], floor: WalPosition, limitMs: number): Promise<Route> {
    const { clock, metrics: { waits } } = this.#options
    const untilMs = clock.now() + limitMs
    const late = sleep(clock, limitMs)
    do {
      await Promise.race([late, Promise.all(near.map((replica) => replica.refresh()))])
      const chosen = this.#choose(floor)
      if (typeof chosen !== 'string') {
        waits.caught_up.add()
        return chosen
      }
      await Promise.race([late, sleep(clock, askEachMs)])
    } while (clock.now() < untilMs)
    waits.in_vain.add()
    for (const replica of near) replica.vainUntilMs = clock.now() + restMs
    return this.#choose(floor)
  }

  /** Of the replicas that can serve: the one with less under way, of two that chance picks. */
  #choose (floor: WalPosition | undefined): Route {
    const { replicas, maxLagMs } = this.#options
    const fit: Replica[] = []
    let reason: PrimaryReason = 'down'
    for (const replica of replicas) {
      if (replica.state !== 'ready') continue
      if (replica.lagMs > maxLagMs) {
        if (reason === 'down') reason = 'lag'
      } else if (floor === undefined || replica.shows(floor)) fit.push(replica)
      else reason = 'own_write'
    }
    const [first, second] = this.#two(fit)
    if (first === undefined) return reason
    return second !== undefined && second.inFlight < first.inFlight ? second : first
  }

  #two (replicas: readonly Replica[]): readonly [Replica | undefined, Replica | undefined] {
    const { random } = this.#options
    if (replicas.length < 2) return [replicas[0], undefined]
    const first = Math.floor(random() * replicas.length)
    const step = 1 + Math.floor(random() * (replicas.length - 1))
    return [replicas[first], replicas[(first + step) % replicas.length]]
  }

  #serves (replica: Replica): boolean {
    return replica.state === 'ready' && replica.lagMs <= this.#options.maxLagMs
  }
}

function isCovered ({ writes, covered, claim }: UnitNotes): boolean {
  return covered === writes && claim === undefined
}
