import { Pool } from 'undici'
import { type Clock, seededRandom, sleep, systemClock } from '../../src/kernel/index.ts'
import { zipf } from './zipf.ts'

/** What one stretch of traffic saw. */
export interface Stretch {
  readonly requests: number
  /** Reads that reached the origin. */
  readonly originReads: number
  /** Reads that ran its handler. */
  readonly handlerRuns: number
  readonly changes: number
  /** Answers older than a change that had been acknowledged before they were asked for. */
  readonly stale: number
  /** By how much, at most, in milliseconds. */
  readonly stalestMs: number
  readonly perSecond: number
  /** Answers other than 200. */
  readonly failed: number
}

/** What one purge took to be seen. */
export interface Freshness {
  /** From the change's acknowledgement to the first fresh answer. */
  readonly freshMs: number
  /** Answers from before the change in between. */
  readonly stale: number
}

const connections = 16
const changeEvery = 1_000

/** Readers by Zipf's law through the edge, and now and then somebody who changes a product at the origin. */
export class Traffic implements AsyncDisposable {
  readonly #edge: Pool
  readonly #origin: Pool
  readonly #clock: Clock
  readonly #originReads: () => Promise<number>
  readonly #draw: () => number
  readonly #versions: Map<number, { version: number; atMs: number }> = new Map()

  /**
   * @param products how many there are, from id 1
   * @param originReads reads so far that the edge has sent on
   */
  constructor (
    edge: string,
    origin: string,
    products: number,
    originReads: () => Promise<number>,
    clock: Clock = systemClock
  ) {
    this.#originReads = originReads
    this.#edge = new Pool(edge, { connections, pipelining: 1 })
    this.#origin = new Pool(origin, { connections: 4, pipelining: 1 })
    this.#clock = clock
    this.#draw = zipf(products, 1, seededRandom(1))
  }

  async run (requests: number): Promise<Stretch> {
    const before = await this.#counts()
    const startedMs = this.#clock.now()
    let [begun, changes, stale, stalestMs, failed] = [0, 0, 0, 0, 0]
    const reader = async (): Promise<void> => {
      while (begun < requests) {
        begun++
        if (begun % changeEvery === 0) {
          changes++
          await this.change(this.#draw() + 1)
        }
        const id = this.#draw() + 1
        const askedMs = this.#clock.now()
        const current = this.#versions.get(id)
        const version = await this.#read(id)
        if (version === undefined) failed++
        else if (current !== undefined && version < current.version) {
          stale++
          stalestMs = Math.max(stalestMs, askedMs - current.atMs)
        }
      }
    }
    await Promise.all(Array.from({ length: connections }, reader))
    const seconds = (this.#clock.now() - startedMs) / 1_000
    const after = await this.#counts()
    const originReads = after.originReads - before.originReads
    const handlerRuns = after.handlerRuns - before.handlerRuns
    return {
      requests,
      originReads,
      handlerRuns,
      changes,
      stale,
      stalestMs,
      perSecond: requests / seconds,
      failed,
    }
  }

  async change (id: number): Promise<number> {
    const { body } = await this.#origin.request({ method: 'PUT', path: `/products/${id}` })
    const { version } = await body.json() as { version: number }
    const atMs = this.#clock.now()
    if (version > (this.#versions.get(id)?.version ?? 0)) this.#versions.set(id, { version, atMs })
    return version
  }

  /** Changes one product, and asks until the change is seen, every 2 ms. */
  async untilFresh (id: number, limitMs: number): Promise<Freshness> {
    await this.#read(id)
    const version = await this.change(id)
    const changedMs = this.#clock.now()
    for (let stale = 0;; stale++) {
      const seen = await this.#read(id)
      const freshMs = this.#clock.now() - changedMs
      if (seen === version) return { freshMs, stale }
      if (freshMs > limitMs) return { freshMs: Infinity, stale }
      await sleep(this.#clock, 2)
    }
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await Promise.all([this.#edge.close(), this.#origin.close()])
  }

  async #read (id: number): Promise<number | undefined> {
    const { statusCode, body } = await this.#edge.request({ method: 'GET', path: `/products/${id}` })
    const product = await body.json() as { version: number }
    return statusCode === 200 ? product.version : undefined
  }

  async #counts (): Promise<Pick<Stretch, 'originReads' | 'handlerRuns'>> {
    const { body } = await this.#origin.request({ method: 'GET', path: '/reads' })
    const { reads } = await body.json() as { reads: number }
    return { handlerRuns: reads, originReads: await this.#originReads() }
  }
}
