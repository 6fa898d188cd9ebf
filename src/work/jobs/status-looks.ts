import type { Clock } from '../../kernel/index.ts'
import type { JobReceipt, JobStore } from './store/index.ts'
import { inBackground } from './worker/index.ts'

/** Jobs of one statement, at most. */
const jobsAtOnce = 1_000

type Asked = PromiseWithResolvers<JobReceipt | undefined>

/**
 * Reads how jobs stand for all who ask in one turn of the event loop, by one statement; and by one at a time, so that it
 * does not matter to the database how many ask.
 */
export class StatusLooks {
  readonly #store: Pick<JobStore, 'receipts'>
  readonly #clock: Clock
  readonly #asked: Map<string, Asked> = new Map()
  #isLooking = false

  constructor (store: Pick<JobStore, 'receipts'>, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** How the job stands by a statement that has not begun yet. @throws what the store throws */
  look (id: string): Promise<JobReceipt | undefined> {
    let asked = this.#asked.get(id)
    if (asked === undefined) this.#asked.set(id, asked = Promise.withResolvers())
    if (!this.#isLooking) {
      this.#isLooking = true
      setImmediate(() => void this.#lookOn())
    }
    return asked.promise
  }

  async #lookOn (): Promise<void> {
    while (this.#asked.size > 0) {
      const asked = new Map([...this.#asked].slice(0, jobsAtOnce))
      for (const id of asked.keys()) this.#asked.delete(id)
      await this.#answer(asked)
    }
    this.#isLooking = false
  }

  async #answer (asked: ReadonlyMap<string, Asked>): Promise<void> {
    try {
      const found = await inBackground(this.#clock, () => this.#store.receipts([...asked.keys()]))
      const byId = new Map(found.map((receipt) => [receipt.id, receipt]))
      for (const [id, { resolve }] of asked) resolve(byId.get(id))
    } catch (error) {
      for (const { reject } of asked.values()) reject(error)
    }
  }
}
