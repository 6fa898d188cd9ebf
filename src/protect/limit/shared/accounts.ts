import type { Clock } from '../../../kernel/index.ts'
import { capacityOf, type Limit } from '../limit.ts'
import type { Account } from './ledger.ts'

/** Limits as a ledger keeps them, each reckoned once, or once a period. */
export class Accounts {
  readonly #clock: Clock
  readonly #known = new WeakMap<Limit, Account>()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  of (limit: Limit): Account {
    const known = this.#known.get(limit)
    if (known !== undefined && (known.kind !== 'quota' || this.#clock.epochMs() < known.endsAtMs))
      return known
    const account = this.#reckon(limit)
    this.#known.set(limit, account)
    return account
  }

  #reckon (limit: Limit): Account {
    const capacity = capacityOf(limit)
    switch (limit.kind) {
      case 'rate':
        return { kind: 'rate', capacity, unitMs: limit.unitMs }
      case 'sliding':
        return { kind: 'sliding', capacity, windowMs: limit.windowMs }
      case 'quota': {
        const { endsAtMs } = limit.calendar.periodAt(this.#clock.epochMs())
        return { kind: 'quota', capacity, endsAtMs, nextEndsAtMs: limit.calendar.periodAt(endsAtMs).endsAtMs }
      }
      case 'concurrency':
        return { kind: 'concurrency', capacity }
    }
  }
}
