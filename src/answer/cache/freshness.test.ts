import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MadeResponse } from './cache-request.ts'
import { CachedService } from './cached-service.fixture.ts'

/** What the handler says of its answer, in seconds. */
interface Said {
  readonly maxAge?: number
  readonly sMaxAge?: number
  readonly age?: number
  readonly mustRevalidate: boolean
}

const seconds = fc.nat(6)
const said: fc.Arbitrary<Said> = fc.record({
  maxAge: fc.option(seconds, { nil: undefined }),
  sMaxAge: fc.option(seconds, { nil: undefined }),
  age: fc.option(fc.nat(3), { nil: undefined }),
  mustRevalidate: fc.boolean(),
}).map(({ maxAge, sMaxAge, age, mustRevalidate }) => ({
  mustRevalidate,
  ...maxAge === undefined ? {} : { maxAge },
  ...sMaxAge === undefined ? {} : { sMaxAge },
  ...age === undefined ? {} : { age },
}))

const step = fc.record({
  waitSeconds: fc.nat(5),
  event: fc.constantFrom('get' as const, 'get' as const, 'get' as const, 'soft' as const, 'hard' as const),
  fails: fc.boolean(),
  said,
})

interface Kept {
  readonly body: string
  readonly swr: number
  readonly sie: number
  freshUntil: number
  staleUntil: number
  errorUntil: number
}

/** The same rules once more, as simply as they can be said: one entry, seconds, no concurrency. */
class Model {
  #entry: Kept | undefined
  readonly #policy: { readonly ttl: number; readonly swr: number; readonly sie: number }
  made = 0
  now = 0

  constructor (policy: { readonly ttl: number; readonly swr: number; readonly sie: number }) {
    this.#policy = policy
  }

  purge (mode: 'soft' | 'hard'): void {
    if (mode === 'hard') this.#entry = undefined
    if (this.#entry === undefined) return
    const entry = this.#entry
    entry.freshUntil = Math.min(entry.freshUntil, this.now)
    entry.staleUntil = Math.min(entry.staleUntil, this.now + entry.swr)
    entry.errorUntil = Math.min(entry.errorUntil, this.now + entry.sie)
  }

  /** @returns the body that is to be sent, or `'failed'` */
  get (fails: boolean, said: Said): string {
    const entry = this.#entry
    if (entry !== undefined && this.now < entry.freshUntil) return entry.body
    if (entry !== undefined && this.now < entry.staleUntil) {
      const { body } = entry
      if (!fails) this.#make(said)
      else this.made++
      return body
    }
    if (!fails) return this.#make(said)
    this.made++
    return entry !== undefined && this.now < entry.errorUntil ? entry.body : 'failed'
  }

  #make ({ maxAge, sMaxAge, age = 0, mustRevalidate }: Said): string {
    const body = `run ${++this.made}`
    const { ttl } = this.#policy
    const { swr, sie } = mustRevalidate ? { swr: 0, sie: 0 } : this.#policy
    const fresh = Math.min(ttl, (sMaxAge ?? maxAge ?? Infinity) - age)
    const freshUntil = this.now + fresh
    this.#entry = fresh <= 0 ?
      undefined :
      { body, swr, sie, freshUntil, staleUntil: freshUntil + swr, errorUntil: freshUntil + sie }
    return body
  }
}

function madeOf (body: string, { maxAge, sMaxAge, age, mustRevalidate }: Said): MadeResponse {
  const control = [
    ...maxAge === undefined ? [] : [`max-age=${maxAge}`],
    ...sMaxAge === undefined ? [] : [`s-maxage=${sMaxAge}`],
    ...mustRevalidate ? ['must-revalidate'] : [],
  ]
  return {
    status: 200,
    headers: { 'cache-control': control.join(', '), ...age === undefined ? {} : { age } },
    body,
  }
}

test('freshness, stale times, failures and purges are as the plain model of them says', async () => {
  const policies = fc.record({ ttl: fc.integer({ min: 1, max: 6 }), swr: fc.nat(6), sie: fc.nat(6) })
  await fc.assert(
    fc.asyncProperty(policies, fc.array(step, { maxLength: 40 }), async (policy, steps) => {
      const model = new Model(policy)
      let now: typeof steps[number] | undefined
      const service: CachedService = new CachedService({
        ttl: `${policy.ttl}s`,
        staleWhileRevalidate: `${policy.swr}s`,
        staleIfError: `${policy.sie}s`,
        tags: ['t'],
      }, () => {
        if (now === undefined || now.fails) throw new Error('down')
        return madeOf(`run ${service.runs}`, now.said)
      })
      for (now of steps) {
        service.clock.advance(now.waitSeconds * 1_000)
        model.now += now.waitSeconds
        if (now.event !== 'get') {
          await service.cache.purge(['t'], { soft: now.event === 'soft' })
          model.purge(now.event)
        }
        const { body } = await service.get()
        await service.settle()
        assert.equal(body, model.get(now.fails, now.said))
        assert.equal(service.runs, model.made)
      }
    }),
    { numRuns: 200 }
  )
})
