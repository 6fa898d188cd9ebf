import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { type ManualClock, manualClock, seededRandom } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import type { Answer, StoredAnswer } from './answer.ts'
import { Idempotency } from './idempotency.ts'
import type { IdempotentUnit } from './idempotent-unit.ts'
import { memoryIdempotencyStore } from './memory-store.ts'
import type { IdempotencyOptions, IdempotentRouteOptions } from './options.ts'
import type { Begun, IdempotentRequest, IdempotentRoute } from './route.ts'
import type { IdempotencyStore } from './store.ts'

/** Workers of one service on one store, under one clock. */
export class Service {
  readonly clock: ManualClock = manualClock()
  readonly store: IdempotencyStore
  readonly registry: MetricsRegistry = new MetricsRegistry({ clock: this.clock })

  constructor (storeOf: (store: IdempotencyStore) => IdempotencyStore = (store) => store) {
    this.store = storeOf(memoryIdempotencyStore({ clock: this.clock }))
  }

  /** One route in a worker of its own. */
  worker (
    route: Partial<IdempotentRouteOptions> = {},
    options: Partial<IdempotencyOptions> = {}
  ): IdempotentRoute {
    const { clock, store, registry } = this
    const idempotency = new Idempotency({ store, clock, registry, random: seededRandom(1), ...options })
    return idempotency.route({ mode: 'required', method: 'POST', pattern: '/orders', ...route })
  }

  /** Lets time pass in small steps, with all that follows from each. */
  async pass (ms: number): Promise<void> {
    for (let step = 0; step < 50; step++) {
      this.clock.advance(ms / 50)
      await setImmediate()
    }
  }

  /** How often each outcome was counted; those that were. */
  outcomes (): Record<string, number> {
    const family = this.registry.snapshot().families
      .find(({ name }) => name === 'plimsoll_idempotency_requests_total')
    const counts: Record<string, number> = {}
    for (const [series, count] of (family?.values ?? []).entries()) {
      if (count > 0) counts[String(family?.labelValues[2 * series + 1])] = count
    }
    return counts
  }
}

export const order: IdempotentRequest = {
  header: '"k1"',
  target: '/orders',
  tenant: 'acme',
  body: { sku: 'a' },
}

export const created: Answer = {
  status: 201,
  headers: { 'content-type': 'application/json', location: '/orders/1', 'set-cookie': 'a=1' },
  body: '{"id":1}',
}

/** @throws AssertionError when it does not run */
export async function running<Tx> (begun: Begun<Tx> | Promise<Begun<Tx>>): Promise<IdempotentUnit<Tx>> {
  const settled = await begun
  assert.equal(settled.kind, 'run')
  return (settled as Extract<Begun<Tx>, { kind: 'run' }>).unit
}

/** @throws AssertionError when it is not a replay */
export async function replayed<Tx> (begun: Begun<Tx> | Promise<Begun<Tx>>): Promise<StoredAnswer> {
  const settled = await begun
  assert.equal(settled.kind, 'replay')
  return (settled as Extract<Begun, { kind: 'replay' }>).answer
}

/** The code and Retry-After of a refusal. @throws AssertionError when it is none */
export async function refusal<Tx> (
  begun: Begun<Tx> | Promise<Begun<Tx>>
): Promise<readonly [code: string, retryAfterSeconds: number | undefined]> {
  const settled = await begun
  assert.equal(settled.kind, 'refused')
  const { problem, retryAfterSeconds } = settled as Extract<Begun, { kind: 'refused' }>
  assert.equal(problem.extensions['retryAfterSeconds'], retryAfterSeconds)
  return [problem.code, retryAfterSeconds]
}
