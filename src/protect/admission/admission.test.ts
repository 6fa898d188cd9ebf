import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  criticalities,
  type Criticality,
  type ManualClock,
  manualClock,
  seededRandom,
} from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import type { AdmissionClass, AdmissionUnit } from './admission-class.ts'
import { Admission } from './admission.ts'
import type { AdmissionRoute } from './options.ts'
import { maxRetryAfterSeconds, type Refusal } from './refusal.ts'
import type { UnitStage } from './unit.ts'

class Request implements AdmissionUnit {
  readonly admissionClass: AdmissionClass
  readonly criticality: Criticality
  readonly startedMs: number
  readonly deadlineAtMs: number
  admissionStage: UnitStage = 0
  admittedMs = 0
  ran = 0
  refusal: Refusal | undefined
  readonly #tenant: string | (() => string) | undefined
  readonly #costMs: number
  readonly #clock: ManualClock
  readonly #ended: (() => void) | undefined

  constructor (
    clock: ManualClock,
    admissionClass: AdmissionClass,
    { criticality = 'normal', tenant, deadlineMs = Infinity, costMs = 2, endsIn }: Given = {}
  ) {
    this.#ended = endsIn === undefined ? undefined : () => endsIn.finished(this, 'answered')
    this.#clock = clock
    this.#costMs = costMs
    this.admissionClass = admissionClass
    this.criticality = criticality
    this.#tenant = tenant
    this.startedMs = clock.now()
    this.deadlineAtMs = clock.now() + deadlineMs
  }

  get tenant (): string | undefined {
    return typeof this.#tenant === 'function' ? this.#tenant() : this.#tenant
  }

  run (): void {
    this.ran++
    this.#clock.advance(this.#costMs)
    this.#ended?.()
  }

  refuse (refusal: Refusal): void {
    assert.equal(this.refusal, undefined)
    this.refusal = refusal
  }
}

interface Given {
  readonly criticality?: Criticality
  readonly tenant?: string | (() => string)
  readonly deadlineMs?: number
  readonly costMs?: number
  /** It ends where it runs, as one does that only computes. */
  readonly endsIn?: Admission
}

/** An admission whose event loop is turned by hand. @param cpuShare of the time that it works, on a CPU */
function setUp (route: Partial<AdmissionRoute> = {}, cpuShare = 1) {
  const clock = manualClock()
  const registry = new MetricsRegistry({ clock, random: seededRandom(1) })
  let atEnd: (() => void)[] = []
  let idleMs = 0
  const turn = {
    atEnd: (run: () => void) => void atEnd.push(run),
    idleMs: () => idleMs,
    cpuMs: () => (clock.now() - idleMs) * cpuShare,
  }
  const admission = new Admission({ registry, clock, random: seededRandom(2), turn })
  const admissionClass = admission.route({ name: 'GET /', ...route })
  return {
    clock,
    registry,
    admission,
    admissionClass,
    /** A request arrives; it is run, if it is to be run at once. */
    arrive (given: Given = {}): Request {
      const request = new Request(clock, admissionClass, given)
      const verdict = admission.arrive(request)
      if (verdict === 'run') request.run()
      else if (verdict !== 'queued') request.refuse(verdict)
      return request
    },
    endTurn (): void {
      const steps = atEnd
      atEnd = []
      for (const step of steps) step()
    },
    /** Time passes, and the loop has nothing to do. */
    idle (ms: number): void {
      idleMs += ms
      clock.advance(ms)
    },
    turnsLeft: (): boolean => atEnd.length > 0,
  }
}

/** The value of a counter's or gauge's series. */
function metric (registry: MetricsRegistry, name: string, labels: readonly string[]): number | undefined {
  const family = registry.snapshot().families.find((one) => one.name === name)
  const width = family?.labels.length ?? 0
  for (const [at, value] of (family?.values ?? []).entries()) {
    const own = family?.labelValues.slice(at * width, at * width + width)
    if (own?.join() === labels.join()) return value
  }
  return undefined
}

test('the first request of a turn runs at once, what follows it waits for the turn to end, in order', () => {
  const { arrive, endTurn, turnsLeft, clock } = setUp()
  const [first, second, third] = [arrive(), arrive(), arrive()]
  assert.deepEqual([first.ran, second.ran, third.ran], [1, 0, 0])
  endTurn()
  assert.deepEqual([second.ran, third.ran], [1, 0])
  endTurn()
  assert.equal(third.ran, 1)
  assert.equal(turnsLeft(), false)
  assert.equal(clock.now(), 6)
})

test('after a pause of the loop, a start say, what waits behind the first request is run, not given up as too old', () => {
  const { arrive, endTurn, clock } = setUp()
  clock.advance(2_000)
  const [first, second] = [arrive({ costMs: 60 }), arrive()]
  endTurn()
  assert.deepEqual([first.ran, second.ran, second.refusal], [1, 1, undefined])
})

test('cheap requests share a slice: a turn runs many', () => {
  const { arrive, endTurn, admission } = setUp({ firstGuess: { cpuMs: 0.1 } })
  for (let at = 0; at < 20; at++) admission.finished(arrive({ costMs: 0.1 }), 'answered')
  const waiting = Array.from({ length: 20 }, () => arrive({ costMs: 0.1 }))
  endTurn()
  const ran = waiting.filter((request) => request.ran > 0).length
  assert.ok(ran >= 15, `${ran}`)
})

test('more than can be run in time is refused at once, with a time to come back', () => {
  const { arrive } = setUp({ firstGuess: { cpuMs: 2 } })
  const requests = Array.from({ length: 200 }, () => arrive())
  const refused = requests.filter(({ refusal }) => refusal !== undefined)
  assert.ok(refused.length > 100 && refused.length < 190, `${refused.length}`)
  for (const { refusal } of refused) {
    assert.equal(refusal?.reason, 'queue-full')
    assert.ok(Number.isInteger(refusal.retryAfterSeconds) && refusal.retryAfterSeconds >= 1)
  }
})

test('where the machine gives half of its time to others, as much waits as can be run in time, and no more', () => {
  const waiting = [1, 0.5].map((cpuShare) => {
    const { admission, arrive, endTurn, turnsLeft } = setUp({}, cpuShare)
    const given = { costMs: 4, endsIn: admission }
    for (let at = 0; at < 1_000; at++) {
      arrive(given)
      arrive(given)
      while (turnsLeft()) endTurn()
    }
    return Array.from({ length: 100 }, () => arrive(given)).filter(({ ran, refusal }) =>
      ran === 0 && !refusal
    ).length
  })
  const [alone = 0, shared = 0] = waiting
  assert.ok(alone >= 10 && alone <= 25, `${alone}`)
  assert.ok(Math.abs(shared - alone) <= 2, `${shared} and ${alone}`)
})

test('a critical request finds a place in a full queue, at the cost of one that matters least', () => {
  const { arrive } = setUp({ firstGuess: { cpuMs: 2 } })
  const others = Array.from({ length: 200 }, () => arrive({ criticality: 'background' }))
  const queued = others.filter(({ ran, refusal }) => ran === 0 && refusal === undefined)
  const critical = Array.from({ length: 3 }, () => arrive({ criticality: 'critical' }))
  assert.deepEqual(critical.map(({ refusal }) => refusal), [undefined, undefined, undefined])
  const gaveWay = queued.filter(({ refusal }) => refusal !== undefined)
  assert.deepEqual(gaveWay.map(({ refusal }) => refusal?.reason), ['lane'])
})

test('a unit is run or refused exactly once, and not at all when its client left while it waited', () => {
  fc.assert(fc.property(
    fc.array(fc.record({ lane: fc.nat(3), leaves: fc.boolean(), turn: fc.boolean() }), { maxLength: 300 }),
    (steps) => {
      const { arrive, endTurn, turnsLeft, admission, admissionClass } = setUp()
      const gone: Request[] = []
      const all = steps.map(({ lane, leaves, turn }) => {
        const request = arrive({ criticality: criticalities[lane]! })
        if (request.ran > 0) admission.finished(request, 'answered')
        else if (leaves && request.refusal === undefined) {
          admission.finished(request, 'gone')
          gone.push(request)
        }
        if (turn) endTurn()
        return request
      })
      while (turnsLeft()) endTurn()
      for (const request of all) {
        if (request.ran > 0 && request.admissionStage === 3) admission.finished(request, 'answered')
        const came = request.ran + (request.refusal === undefined ? 0 : 1)
        assert.equal(came, gone.includes(request) ? 0 : 1)
      }
      assert.equal(admissionClass.inFlight, 0)
      assert.equal(admissionClass.room.taken, 0)
    }
  ))
})

test('what cannot be done before its deadline is refused at once, by what the route has taken lately', () => {
  const { arrive, admission, clock } = setUp()
  const first = arrive()
  clock.advance(100)
  admission.finished(first, 'answered')
  assert.equal(arrive({ deadlineMs: 50 }).refusal?.reason, 'deadline')
  assert.equal(arrive({ deadlineMs: 0 }).refusal?.reason, 'deadline')
  assert.equal(arrive({ deadlineMs: 200 }).refusal, undefined)
})

test('a route of which nothing was answered for a second is tried, whatever its deadlines', () => {
  const { arrive, admission, clock, endTurn, idle } = setUp()
  const first = arrive()
  clock.advance(100)
  admission.finished(first, 'answered')
  endTurn()
  idle(999)
  assert.equal(arrive({ deadlineMs: 50 }).refusal?.reason, 'deadline')
  endTurn()
  idle(1)
  assert.equal(arrive({ deadlineMs: 50 }).ran, 1)
})

test('a deadline that passes while the unit waits: it is refused, and never run', () => {
  const { arrive, endTurn } = setUp()
  arrive()
  const second = arrive({ deadlineMs: 30, costMs: 40 })
  const hopeless = arrive({ deadlineMs: 30 })
  endTurn()
  assert.equal(second.ran, 1)
  endTurn()
  assert.deepEqual([hopeless.ran, hopeless.refusal?.reason], [0, 'deadline'])
})

test('an exempt route runs at once, however full the queue is', () => {
  const { admission, arrive, clock } = setUp()
  for (let at = 0; at < 200; at++) arrive()
  const health = admission.route({ name: 'GET /healthz', exempt: true })
  assert.equal(admission.arrive(new Request(clock, health)), 'run')
})

test('as many as the room takes are in flight; the next waits, and runs when one ends', () => {
  const { admission, arrive, endTurn, clock } = setUp({ firstGuess: { inFlight: 4, cpuMs: 0.01 } })
  const running = Array.from({ length: 4 }, () => arrive({ costMs: 0 }))
  const next = arrive({ costMs: 0 })
  endTurn()
  assert.deepEqual(running.map(({ ran }) => ran), [1, 1, 1, 1])
  assert.equal(next.ran, 0)
  clock.advance(15)
  admission.finished(running[0]!, 'answered')
  endTurn()
  assert.equal(next.ran, 1)
})

test('little traffic teaches no rate: a burst after it waits for room, and is not judged by what was asked before', () => {
  const { admission, arrive, endTurn, idle } = setUp({ firstGuess: { inFlight: 4, cpuMs: 0.01 } })
  for (let at = 0; at < 40; at++) {
    const alone = arrive({ costMs: 0 })
    idle(20)
    admission.finished(alone, 'answered')
    endTurn()
    idle(180)
  }
  const burst = Array.from({ length: 16 }, () => arrive({ costMs: 0 }))
  assert.deepEqual([...new Set(burst.map(({ refusal }) => refusal?.reason))], [undefined])
})

test('those that wait for room are refused by the clock when nothing ends', () => {
  const { arrive, clock } = setUp({ firstGuess: { inFlight: 4, cpuMs: 0.01 } })
  for (let at = 0; at < 4; at++) arrive({ costMs: 0 })
  const next = arrive({ costMs: 0 })
  clock.advance(200)
  assert.equal(next.refusal?.reason, 'too-old')
  assert.equal(clock.pending(), 0)
})

test('streams take no room in flight, and are counted', () => {
  const { admission, arrive, clock, registry } = setUp({ firstGuess: { inFlight: 4, cpuMs: 0.01 } })
  const stream = admission.route({ name: 'GET /events', stream: true, firstGuess: { cpuMs: 0.01 } })
  for (let at = 0; at < 50; at++) assert.equal(admission.arrive(new Request(clock, stream)), 'run')
  assert.equal(arrive({ costMs: 0 }).ran, 1)
  assert.equal(metric(registry, 'plimsoll_admission_in_flight', ['GET /events']), 50)
})

test('refusals are counted by reason, route, lane and kind of tenant; runs by their way', () => {
  const { arrive, endTurn, turnsLeft, registry, admission } = setUp({ firstGuess: { cpuMs: 2 } })
  const given = { criticality: 'sheddable', tenant: 'a', endsIn: admission } as const
  const requests = Array.from({ length: 100 }, () => arrive(given))
  while (turnsLeft()) endTurn()
  const refused = requests.filter(({ refusal }) => refusal !== undefined).length
  const labels = ['queue-full', 'GET /', 'sheddable', 'other']
  assert.equal(metric(registry, 'plimsoll_admission_refused_total', labels), refused)
  assert.equal(metric(registry, 'plimsoll_admission_run_total', ['GET /', 'at once']), 1)
  assert.equal(metric(registry, 'plimsoll_admission_run_total', ['GET /', 'queued']), 99 - refused)
})

test('an app that cannot tell whose a request is, and throws, has it run or refused as one of nobody', () => {
  const { arrive, endTurn, turnsLeft, registry, admission } = setUp()
  const tenant = (): string => {
    throw new Error('no such session')
  }
  const requests = Array.from({ length: 100 }, () => arrive({ tenant, endsIn: admission }))
  while (turnsLeft()) endTurn()
  const refused = requests.filter(({ refusal }) => refusal !== undefined).length
  assert.equal(requests.filter(({ ran }) => ran === 1).length, 100 - refused)
  const told = (['queue-full', 'too-old', 'lane'] as const).map((reason) =>
    metric(registry, 'plimsoll_admission_refused_total', [reason, 'GET /', 'normal', 'none']) ?? 0
  )
  assert.equal(told.reduce((sum, count) => sum + count, 0), refused)
})

test('pressure rises with refusals, and falls when they have been gone for two seconds', () => {
  const { arrive, endTurn, turnsLeft, admission, admissionClass, clock } = setUp()
  assert.equal(admission.pressure(admissionClass), 0)
  for (let at = 0; at < 200; at++) arrive({ endsIn: admission })
  assert.equal(admission.pressure(admissionClass), 3)
  const other = admission.route({ name: 'GET /other' })
  assert.equal(admission.pressure(other), 1, 'the loop is busy for every route')
  while (turnsLeft()) endTurn()
  assert.equal(admission.pressure(admissionClass), 3)
  clock.advance(2_000)
  assert.equal(admission.pressure(admissionClass), 0)
})

test('the refused of a crowd are told different times, longer ones the more there are', () => {
  const { arrive, endTurn, clock } = setUp()
  const told = new Set<number>()
  for (let turn = 0; turn < 100; turn++) {
    for (let at = 0; at < 20; at++) {
      const { refusal } = arrive()
      if (refusal !== undefined) told.add(refusal.retryAfterSeconds)
    }
    endTurn()
    clock.advance(1)
  }
  assert.ok(told.size > 4, [...told].join())
  assert.ok([...told].every((seconds) => seconds >= 1 && seconds <= maxRetryAfterSeconds))
  assert.ok(Math.max(...told) > 5)
})

test('while critical requests are about, background leaves room for them', () => {
  const { admission, arrive, endTurn } = setUp({ firstGuess: { inFlight: 10, cpuMs: 0.01 } })
  const first = Array.from({ length: 6 }, () => arrive({ costMs: 0, criticality: 'background' }))
  admission.finished(arrive({ costMs: 0, criticality: 'critical' }), 'gone')
  const more = Array.from({ length: 20 }, () => arrive({ costMs: 0, criticality: 'background' }))
  endTurn()
  assert.equal([...first, ...more].filter(({ ran }) => ran > 0).length, 8)
  const critical = Array.from({ length: 4 }, () => arrive({ costMs: 0, criticality: 'critical' }))
  endTurn()
  assert.equal(critical.filter(({ ran }) => ran > 0).length, 2)
})

test('what came while the loop was busy has waited in its socket: that time is gone from its deadline', () => {
  const { arrive, endTurn, idle, clock } = setUp()
  arrive({ costMs: 0 })
  endTurn()
  idle(1_000)
  clock.advance(400)
  assert.equal(arrive({ costMs: 0, deadlineMs: 300 }).ran, 1)
  endTurn()
  clock.advance(400)
  // On average it came in the middle of the 400 ms.
  assert.equal(arrive({ costMs: 0, deadlineMs: 150 }).refusal?.reason, 'deadline')
})
