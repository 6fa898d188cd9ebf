import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Deadline } from '../../kernel/index.ts'
import { created, order, refusal, replayed, running, Service } from './route.fixture.ts'
import type { Begun } from './route.ts'

test('a route that requires a key refuses a request without one at once; one that accepts keys lets it pass', async () => {
  const service = new Service()
  const { header: _, ...bare } = order
  const missing = service.worker().begin({ ...bare, header: undefined }) as Begun
  assert.deepEqual(await refusal(missing), ['IDEMPOTENCY_KEY_MISSING', undefined])
  assert.deepEqual(service.worker({ mode: 'accepted' }).begin({ ...bare, header: undefined }), {
    kind: 'none',
  })
  assert.deepEqual(service.outcomes(), { missing: 1 })
})

test('a key or a body that cannot be read is refused, without asking the store', async () => {
  const service = new Service()
  const route = service.worker({ mode: 'accepted' })
  const long = route.begin({ ...order, header: 'x'.repeat(256) }) as Begun
  assert.deepEqual(await refusal(long), ['IDEMPOTENCY_KEY_INVALID', undefined])
  const endless = route.begin({ ...order, body: { a: Number.POSITIVE_INFINITY } }) as Begun
  assert.deepEqual(await refusal(endless), ['IDEMPOTENCY_BODY_INVALID', undefined])
  assert.deepEqual(service.outcomes(), { invalid: 2 })
})

test('a repeated request gets status, allowed headers and body byte for byte; the first gets the same', async () => {
  const service = new Service()
  const [one, two] = [service.worker(), service.worker()]
  const unit = await running(one.begin(order))
  const first = await unit.finish(created)
  assert.deepEqual(first?.headers, [['content-type', 'application/json'], ['location', '/orders/1']])
  for (const worker of [one, two]) assert.deepEqual(await replayed(worker.begin(order)), first)
  assert.deepEqual(service.outcomes(), { fresh: 1, replayed: 2 })
})

test('the same key with another body or query is 422, in flight and after', async () => {
  const service = new Service()
  const [one, two] = [service.worker(), service.worker()]
  const unit = await running(one.begin(order))
  for (const worker of [one, two]) {
    const other = await refusal(worker.begin({ ...order, body: { sku: 'b' } }))
    assert.deepEqual(other, ['IDEMPOTENCY_KEY_REUSED', undefined])
  }
  await unit.finish(created)
  const query = await refusal(one.begin({ ...order, target: '/orders?x' }))
  assert.deepEqual(query, ['IDEMPOTENCY_KEY_REUSED', undefined])
})

test('two tenants, or two routes, with the same key never meet', async () => {
  const service = new Service()
  await (await running(service.worker().begin(order))).finish(created)
  await running(service.worker().begin({ ...order, tenant: 'other' }))
  await running(service.worker().begin({ ...order, tenant: undefined }))
  await running(service.worker({ method: 'PUT' }).begin(order))
  await running(service.worker({ pattern: '/orders/:id' }).begin(order))
})

test('requests that arrive while one runs wait for its answer: in its worker at once, in others soon', async () => {
  const service = new Service()
  const [one, two] = [service.worker(), service.worker()]
  const unit = await running(one.begin(order))
  const waiting = [one, one, two, two].map((worker) => worker.begin(order))
  await service.pass(2_000)
  const first = await unit.finish(created)
  assert.deepEqual(await replayed(waiting[0]!), first)
  assert.deepEqual(await replayed(waiting[1]!), first)
  await service.pass(500)
  assert.deepEqual(await replayed(waiting[2]!), first)
  assert.deepEqual(await replayed(waiting[3]!), first)
  assert.deepEqual(service.outcomes(), { fresh: 1, waited: 4 })
})

test('however many wait in a worker, one of them asks the store', async () => {
  let claims = 0
  const service = new Service((store) => ({
    ...store,
    claim (claim) {
      claims++
      return store.claim(claim)
    },
  }))
  const [one, two] = [service.worker(), service.worker()]
  const unit = await running(one.begin(order))
  const waiting = Array.from({ length: 50 }, () => two.begin(order))
  await setImmediate()
  assert.equal(claims, 2)
  await service.pass(1_000)
  assert.ok(claims < 20, String(claims))
  await unit.finish(created)
  await service.pass(500)
  for (const begun of waiting) await replayed(begun)
})

test('who cannot wait longer is told 409, and when the lease in the way ends unless it is renewed', async () => {
  const service = new Service()
  const [one, two] = [service.worker({ wait: 0 }), service.worker({ wait: 0 })]
  await running(one.begin(order))
  service.clock.advance(3_000)
  assert.deepEqual(await refusal(one.begin(order)), ['IDEMPOTENCY_IN_FLIGHT', 7])
  assert.deepEqual(await refusal(two.begin(order)), ['IDEMPOTENCY_IN_FLIGHT', 7])
})

test('a wait ends with the deadline of the request that waits, or when its client leaves', async () => {
  const service = new Service()
  const [one, two] = [service.worker(), service.worker()]
  await running(one.begin(order))
  const left = new AbortController()
  const waiting = [one, two].flatMap((worker) => [
    worker.begin({ ...order, deadline: Deadline.in(1_000, service.clock) }),
    worker.begin({ ...order, signal: left.signal }),
  ])
  let settled = 0
  for (const begun of waiting) void Promise.resolve(begun).then(() => settled++)
  await service.pass(900)
  assert.equal(settled, 0)
  await service.pass(200)
  assert.equal(settled, 2)
  left.abort()
  await service.pass(300)
  for (const begun of waiting) assert.equal((await refusal(begun))[0], 'IDEMPOTENCY_IN_FLIGHT')
})

test('a crash blocks a key for the rest of its lease at most: who waits then runs, with a higher token', async () => {
  const service = new Service()
  const crashed = await running(service.worker({}, { longest: 1 }).begin(order)) // never renewed
  const waiting = service.worker().begin(order)
  await service.pass(9_900)
  await service.pass(400)
  const unit = await running(waiting)
  assert.ok(unit.token > crashed.token)
  assert.deepEqual(service.outcomes(), { fresh: 1, taken_over: 1 })
})

test('a handler that never ends blocks its key for a lease beyond its deadline, in its own worker too', async () => {
  const service = new Service()
  const worker = service.worker({ wait: '1m' })
  const hung = await running(worker.begin({ ...order, deadline: Deadline.in(1_000, service.clock) }))
  const waiting = worker.begin(order)
  await service.pass(11_500)
  assert.ok((await running(waiting)).token > hung.token)
})

test('the old holder is fenced: its answer is not kept, and it answers what the new holder answered', async () => {
  const service = new Service()
  const old = await running(service.worker({}, { longest: 1 }).begin(order))
  await service.pass(10_100)
  const unit = await running(service.worker().begin(order))
  const kept = await unit.finish(created)
  assert.deepEqual(await old.finish({ ...created, body: '{"id":2}' }), kept)
  assert.equal(old.signal.aborted, true)
  assert.equal(service.outcomes()['fenced'], 1)
})

test('a lease is renewed while its request runs, and no longer than its deadline', async () => {
  const service = new Service()
  const [one, two] = [service.worker(), service.worker({ wait: 0 })]
  await running(one.begin({ ...order, deadline: Deadline.in(20_000, service.clock) }))
  await service.pass(19_000)
  const [code, retryAfter] = await refusal(two.begin(order))
  assert.equal(code, 'IDEMPOTENCY_IN_FLIGHT')
  assert.ok(retryAfter! >= 6 && retryAfter! <= 10, String(retryAfter))
  await service.pass(11_100)
  await running(two.begin(order))
})

test('a holder that could not renew learns at the next beat that its lease has gone', async () => {
  let away = true
  const service = new Service((store) => ({
    ...store,
    async renew (leases, leaseMs) {
      if (away) throw new Error('connection refused')
      return await store.renew(leases, leaseMs)
    },
  }))
  const unit = await running(service.worker().begin(order))
  const { signal } = unit
  await service.pass(10_100)
  await running(service.worker().begin(order))
  away = false
  assert.equal(signal.aborted, false)
  await service.pass(3_400)
  assert.equal(signal.aborted, true)
  assert.equal(signal.reason.code, 'IDEMPOTENCY_LEASE_LOST')
})

test('a handler that throws, and an answer that asks to come back, give the key back at once', async () => {
  const service = new Service()
  const worker = service.worker()
  await (await running(worker.begin(order))).release()
  for (const status of [408, 409, 425, 429, 500, 503]) {
    const unit = await running(worker.begin(order))
    assert.equal(await unit.finish({ ...created, status }), undefined)
  }
  await running(worker.begin({ ...order, body: 'another request' }))
  assert.equal(service.outcomes()['fresh'], 8)
})

test('when the holder gives the key back, one of those who wait runs and the others wait for it', async () => {
  const service = new Service()
  const worker = service.worker()
  const unit = await running(worker.begin(order))
  const waiting = [1, 2, 3].map(() => worker.begin(order))
  await unit.release()
  const next = await running(waiting[0]!)
  const kept = await next.finish(created)
  assert.deepEqual(await replayed(waiting[1]!), kept)
  assert.deepEqual(await replayed(waiting[2]!), kept)
})

test('an effect outside the database leaves the outcome unknown after a crash, and nobody runs it again unasked', async () => {
  const service = new Service()
  const crashed = await running(service.worker({}, { longest: 1 }).begin(order))
  await crashed.beginEffect()
  await service.pass(10_100)
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(await refusal(service.worker().begin(order)), ['IDEMPOTENCY_OUTCOME_UNKNOWN', undefined])
  }
  assert.deepEqual(service.outcomes(), { fresh: 1, unknown: 2 })
})

test('a throw after an outside effect has begun is as unknown as a crash', async () => {
  const service = new Service()
  const worker = service.worker()
  const unit = await running(worker.begin(order))
  await unit.beginEffect()
  await unit.release()
  assert.equal((await refusal(worker.begin(order)))[0], 'IDEMPOTENCY_OUTCOME_UNKNOWN')
})

test('the app resolves an unknown outcome: with an answer that is kept, or by running again', async () => {
  const asked: unknown[] = []
  const service = new Service()
  for (const [header, ruling] of [['"answer"', created], ['"retry"', 'retry' as const]] as const) {
    const request = { ...order, header }
    const worker = service.worker({
      whenUnknown: async (outcome) => {
        asked.push(outcome)
        return ruling
      },
    })
    const unit = await running(worker.begin(request))
    await unit.beginEffect()
    await unit.release()
    if (ruling === 'retry') await running(worker.begin(request))
    else {
      assert.equal((await replayed(worker.begin(request))).body?.toString(), created.body)
      assert.equal((await replayed(worker.begin(request))).body?.toString(), created.body)
    }
  }
  assert.deepEqual(asked, [
    { tenant: 'acme', key: 'answer', body: order.body },
    { tenant: 'acme', key: 'retry', body: order.body },
  ])
})

test('a resolver that fails answers 503, and is asked again by the next request', async () => {
  let fails = true
  const service = new Service()
  const worker = service.worker({
    async whenUnknown () {
      if (fails) throw new Error('the payment service is away')
      return 'retry'
    },
  })
  const unit = await running(worker.begin(order))
  await unit.beginEffect()
  await unit.release()
  assert.deepEqual(await refusal(worker.begin(order)), ['IDEMPOTENCY_UNAVAILABLE', 1])
  fails = false
  await running(worker.begin(order))
})

test('an effect must not begin once the lease has gone', async () => {
  const service = new Service()
  const old = await running(service.worker({}, { longest: 1 }).begin(order))
  await service.pass(10_100)
  await running(service.worker().begin(order))
  await assert.rejects(old.beginEffect(), { code: 'IDEMPOTENCY_LEASE_LOST' })
})

test('an answer too large to keep goes out whole once; a repeat is told so, and where to look, and nothing runs', async () => {
  const service = new Service()
  const worker = service.worker({}, { maxBodyBytes: 4 })
  const unit = await running(worker.begin(order))
  assert.equal(await unit.finish(created), undefined)
  const again = await worker.begin(order)
  assert.equal(again.kind, 'refused')
  if (again.kind !== 'refused') return
  assert.equal(again.problem.code, 'IDEMPOTENCY_ANSWER_NOT_KEPT')
  assert.deepEqual(again.problem.extensions, { firstStatus: 201, location: '/orders/1' })
})

test('a store that is away refuses requests with keys, and lets an answer out whose effect is there', async () => {
  let away = false
  const service = new Service((store) => {
    const orGone = <Result>(result: () => Promise<Result>): Promise<Result> =>
      away ? Promise.reject(new Error('connection refused')) : result()
    return {
      ...store,
      claim: (claim) => orGone(() => store.claim(claim)),
      settle: (lease, answer) => orGone(() => store.settle(lease, answer)),
      release: (lease) => orGone(() => store.release(lease)),
      renew: (leases, leaseMs) => orGone(() => store.renew(leases, leaseMs)),
    }
  })
  const worker = service.worker()
  const [unit, thrown] = [
    await running(worker.begin(order)),
    await running(worker.begin({ ...order, header: 'k2' })),
  ]
  away = true
  await service.pass(4_000) // a beat that fails
  assert.deepEqual(await refusal(worker.begin({ ...order, header: 'k3' })), ['IDEMPOTENCY_UNAVAILABLE', 1])
  assert.equal(await unit.finish(created), undefined)
  await thrown.release()
})

test('a unit ends once: what comes after its end does nothing', async () => {
  const service = new Service()
  const worker = service.worker()
  const unit = await running(worker.begin(order))
  const kept = await unit.finish(created)
  await unit.release()
  assert.equal(await unit.finish({ ...created, status: 500 }), kept)
  assert.equal(unit.answer, kept)
  await assert.rejects(unit.run(async () => {}, () => created), /has no transactions/)
  assert.deepEqual(await replayed(worker.begin(order)), kept)
})

test('what was kept is swept after its time, and the key is new', async () => {
  const service = new Service()
  const worker = service.worker({ keep: '30s' })
  await (await running(worker.begin(order))).finish(created)
  await service.pass(150_000)
  assert.equal(await service.store.sweep(10), 0)
  await running(worker.begin({ ...order, body: 'another' }))
})

test('contradictory options stop the boot', () => {
  const service = new Service()
  assert.throws(() => service.worker({}, { keep: '10s' }), { setting: 'idempotency.keep' })
  assert.throws(() => service.worker({}, { lease: 0 }), { setting: 'idempotency.lease' })
  assert.throws(() => service.worker({}, { maxBodyBytes: -1 }), { setting: 'idempotency.maxBodyBytes' })
  assert.throws(() => service.worker({ keep: '1s' }), { setting: 'POST /orders config.idempotency.keep' })
})
