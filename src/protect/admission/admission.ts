import { type Clock, systemClock, systemRandom } from '../../kernel/index.ts'
import { AdmissionClass, type AdmissionUnit, type WaitingUnit } from './admission-class.ts'
import { CpuCosts } from './cpu-cost.ts'
import { Dispatcher } from './dispatcher.ts'
import { laneOf, LanesSeen } from './lanes.ts'
import { AdmissionMetrics } from './metrics.ts'
import type { AdmissionOptions, AdmissionRoute } from './options.ts'
import { type Pressure, PressureGauge } from './pressure.ts'
import type { Refusal, RefusalReason } from './refusal.ts'
import { Refusals } from './refusals.ts'
import { Rooms } from './rooms.ts'
import type { Pace, ShortQueue } from './short-queue.ts'
import { TenantUse } from './tenant-use.ts'
import { systemTurn, type Turn } from './turn.ts'
import { tenantOf } from './unit-tenant.ts'
import type { UnitOutcome } from './unit.ts'

/** Run it now; it waits, and its `run` or `refuse` will be called; or answer with this refusal. */
export type Verdict = 'run' | 'queued' | Refusal

/**
 * Decides for one process which requests are run, which wait for a moment, and which are refused. It guards two
 * things: the event loop's time, by a short queue between reading and running, and what stands behind each
 * route, by a limit on what is in flight. Both are learnt; docs/overload.md says how.
 */
export class Admission {
  readonly #clock: Clock
  readonly #turn: Turn
  readonly #dispatcher: Dispatcher
  readonly #rooms: Rooms
  readonly #costs = new CpuCosts()
  readonly #refusals: Refusals
  readonly #use = new TenantUse()
  readonly #lanes = new LanesSeen()
  readonly #classes: AdmissionClass[] = []
  readonly #pressure = new PressureGauge()
  #windowMs = 0
  #windowIdleMs = 0
  #windowCpuMs = 0
  #arrivals = 0

  constructor (
    { registry, clock = systemClock, random = systemRandom, turn = systemTurn }: AdmissionOptions
  ) {
    this.#clock = clock
    this.#turn = turn
    this.#dispatcher = new Dispatcher({
      clock,
      turn,
      start: (waiting, nowMs) => this.#start(waiting, nowMs),
      giveUp: (waiting, nowMs) => this.#giveUp(waiting, 'too-old', nowMs),
      turned: (nowMs) => this.#turned(nowMs),
    })
    this.#rooms = new Rooms({
      clock,
      callIn: (waiting, nowMs) => {
        waiting.unit.admissionClass.room.calledIn++
        waiting.calledIn = true
        this.#queueUp(waiting, nowMs)
      },
      giveUp: (waiting, nowMs) => this.#giveUp(waiting, 'too-old', nowMs),
    })
    const metrics = new AdmissionMetrics(registry, () => ({
      classes: this.#classes,
      rooms: this.#rooms.all,
      queued: this.#dispatcher.queue.length,
      loopDelayMs: this.#dispatcher.delayMs,
      pressure: this.#pressure.ofAll(this.#clock.now()),
    }))
    this.#refusals = new Refusals(metrics, random)
  }

  /** Makes the class of one route, at boot. */
  route (route: AdmissionRoute): AdmissionClass {
    const room = this.#rooms.named(route.behind ?? 'shared', route.firstGuess?.inFlight)
    const made = new AdmissionClass(route, room)
    this.#classes.push(made)
    return made
  }

  /** Decides on a request, at once, when its headers have been read. */
  arrive (unit: AdmissionUnit): Verdict {
    const { admissionClass, startedMs } = unit
    this.#arrivals++
    this.#dispatcher.begin(startedMs)
    const calm = !this.#pressure.isOn(startedMs) &&
      admissionClass.room.inFlight * 2 < admissionClass.room.limiter.limit &&
      startedMs + this.#dispatcher.lagMs / 2 + admissionClass.latencyMs <= unit.deadlineAtMs
    if (calm && this.#dispatcher.mayRunNow(startedMs)) return this.#runNow(unit)
    return this.#decide(unit)
  }

  /**
   * Tells that a unit is over: once for each that was run or queued, whatever came of it. Nothing is due for others.
   *
   * @param nowMs this moment on the clock's `now()`, where it has been read anyway
   */
  finished (unit: AdmissionUnit, outcome: UnitOutcome, nowMs: number = this.#clock.now()): void {
    const { admissionClass, admissionStage } = unit
    const { room } = admissionClass
    unit.admissionStage = 4
    if (admissionStage === 1) return void room.waiting.remove(unit)
    if (admissionStage === 2) return this.#drop(this.#dispatcher.queue.remove(unit))
    if (admissionStage !== 3) return
    admissionClass.inFlight--
    this.#costs.done(admissionClass)
    if (!admissionClass.stream) {
      this.#teach(unit, outcome, nowMs)
      room.inFlight--
    }
    if (room.waiting.length > 0) this.#rooms.callIn(room, nowMs)
  }

  /** Tells that a connection was accepted, so that a queue of them is drained before work goes on. */
  connected (): void {
    this.#dispatcher.connected()
  }

  /**
   * How close a route is to refusing, so that it can answer with less before: 0 calm, 1 busy, 2 overloaded, 3
   * refusing. It rises at once and falls when its reason has been gone for 2 s.
   */
  pressure (admissionClass: AdmissionClass): Pressure {
    return this.#pressure.of(admissionClass, this.#clock.now())
  }

  #runNow (unit: AdmissionUnit): 'run' {
    const { admissionClass } = unit
    unit.admissionStage = 3
    unit.admittedMs = unit.startedMs
    admissionClass.inFlight++
    if (!admissionClass.stream) admissionClass.room.inFlight++
    admissionClass.ranAtOnce++
    this.#dispatcher.ran(admissionClass.cpuMs)
    return 'run'
  }

  #decide (unit: AdmissionUnit): Verdict {
    const { admissionClass } = unit
    if (admissionClass.exempt) return this.#runNow(unit)
    const lane = laneOf(unit.criticality)
    const nowMs = unit.startedMs
    const tenant = this.#pressure.isOn(nowMs) ? tenantOf(unit) : undefined
    const heavy = tenant !== undefined && this.#use.ask(tenant, admissionClass.costMs, nowMs)
    const { lagMs } = this.#dispatcher
    const waiting: WaitingUnit = {
      unit,
      lane,
      heavy,
      costMs: admissionClass.turnMs,
      // Not from when it reached its socket: what the loop was late for is no reason to refuse, only a queue is.
      sinceMs: nowMs,
      calledIn: false,
    }
    if (admissionClass.waits) admissionClass.room.lanes.saw(lane, nowMs)
    this.#lanes.saw(lane, nowMs)
    // Of the time that it may take, some has passed before it was read.
    if (this.#isHopeless(unit, nowMs + lagMs / 2)) return this.#refuse(waiting, 'deadline', nowMs)
    if (!admissionClass.hasRoom(lane, nowMs)) return this.#awaitRoom(waiting, nowMs)
    if (this.#dispatcher.mayRunNow(nowMs)) {
      if (tenant !== undefined) this.#use.gave(tenant, admissionClass.costMs, nowMs)
      return this.#runNow(unit)
    }
    return this.#awaitTurn(waiting, nowMs)
  }

  /** Nobody is made to wait for an answer that will come too late. Now and then one tries all the same. */
  #isHopeless ({ admissionClass, deadlineAtMs }: AdmissionUnit, nowMs: number): boolean {
    if (deadlineAtMs <= nowMs) return true
    return nowMs + admissionClass.latencyMs > deadlineAtMs && nowMs - admissionClass.answeredMs < retryMs
  }

  #awaitTurn (waiting: WaitingUnit, nowMs: number): Verdict {
    const dispatcher = this.#dispatcher
    if (dispatcher.waitMs > busyWaitMs) this.#pressure.busy(nowMs)
    const refusal = this.#makePlace(dispatcher.queue, dispatcher, waiting, 'queue-full', nowMs)
    if (refusal !== undefined) return refusal
    this.#queueUp(waiting, nowMs)
    return 'queued'
  }

  #queueUp (waiting: WaitingUnit, nowMs: number): void {
    waiting.unit.admissionStage = 2
    this.#dispatcher.push(waiting, nowMs)
  }

  #awaitRoom (waiting: WaitingUnit, nowMs: number): Verdict {
    const { admissionClass } = waiting.unit
    this.#pressure.busy(nowMs)
    admissionClass.crowdedMs = nowMs
    const { room } = admissionClass
    room.limiter.wasFull()
    room.waiting.note(room, nowMs)
    const refusal = this.#makePlace(room.waiting, room, waiting, 'concurrency', nowMs)
    if (refusal !== undefined) return refusal
    this.#rooms.add(waiting, nowMs)
    return 'queued'
  }

  /**
   * Finds a place in a queue, at the cost of one that matters less if need be.
   *
   * @returns the refusal of the newcomer, when there is none
   */
  #makePlace (
    queue: ShortQueue<AdmissionUnit>,
    pace: Pace,
    newcomer: WaitingUnit,
    reason: 'queue-full' | 'concurrency',
    nowMs: number
  ): Refusal | undefined {
    const { lane, heavy } = newcomer
    const offer = queue.offer(newcomer, this.#lanes.shareOf(lane, nowMs), pace, nowMs)
    if (offer === 'fits') return undefined
    if (offer === 'full' || offer === 'kept') {
      return this.#refuse(newcomer, heavy ? 'tenant-share' : offer === 'kept' ? 'lane' : reason, nowMs)
    }
    this.#giveUp(offer, offer.lane > lane ? 'lane' : offer.heavy ? 'tenant-share' : reason, nowMs)
    return undefined
  }

  /** Starts a unit whose turn has come, unless it is too late for it. */
  #start (waiting: WaitingUnit, nowMs: number): boolean {
    const { unit } = waiting
    const { admissionClass } = unit
    if (this.#isHopeless(unit, nowMs)) {
      this.#giveUp(waiting, 'deadline', nowMs)
      return false
    }
    this.#drop(waiting)
    if (!admissionClass.hasRoom(waiting.lane, nowMs)) {
      this.#rooms.add(waiting, nowMs)
      return false
    }
    unit.admissionStage = 3
    unit.admittedMs = nowMs
    admissionClass.inFlight++
    if (!admissionClass.stream) admissionClass.room.inFlight++
    admissionClass.ranQueued++
    const tenant = tenantOf(unit)
    if (tenant !== undefined) this.#use.gave(tenant, admissionClass.costMs, nowMs)
    unit.run()
    if (admissionClass.lessons <= 1) this.#costs.timed(admissionClass, this.#clock.now() - nowMs)
    return true
  }

  /** Gives back the room that had been promised to one that waited for its turn. */
  #drop (waiting: WaitingUnit | undefined): void {
    if (waiting?.calledIn !== true) return
    waiting.calledIn = false
    waiting.unit.admissionClass.room.calledIn--
  }

  /** Refuses a unit that waited. */
  #giveUp (waiting: WaitingUnit, reason: RefusalReason, nowMs: number): void {
    const { unit } = waiting
    this.#drop(waiting)
    unit.refuse(this.#refuse(waiting, reason, nowMs))
  }

  #refuse (waiting: WaitingUnit, reason: RefusalReason, nowMs: number): Refusal {
    this.#costs.done(this.#refusals)
    if (reason !== 'deadline') this.#pressure.busy(nowMs)
    return this.#refusals.refuse(waiting, reason, nowMs)
  }

  #teach ({ admissionClass, admittedMs }: AdmissionUnit, outcome: UnitOutcome, nowMs: number): void {
    const { room } = admissionClass
    if (outcome !== 'answered') return room.limiter.failed(nowMs)
    const latencyMs = nowMs - admittedMs
    admissionClass.took(latencyMs, nowMs)
    if (admissionClass.waits) room.limiter.answered(admissionClass, latencyMs, nowMs, room.inFlight)
  }

  #turned (nowMs: number): void {
    if (this.#dispatcher.queue.overloaded) this.#pressure.overloaded(nowMs)
    const windowMs = nowMs - this.#windowMs
    if (windowMs < windowOfMs) return
    const [idleMs, cpuMs] = [this.#turn.idleMs(), this.#turn.cpuMs()]
    if (windowMs < tooLongMs) {
      // In CPU time: what the machine gives to others meanwhile says nothing of what units cost.
      const workedMs = cpuMs - this.#windowCpuMs
      this.#costs.learn(workedMs)
      this.#dispatcher.stretched(windowMs - (idleMs - this.#windowIdleMs), workedMs)
    } else this.#costs.forget()
    this.#refusals.endWindow(this.#arrivals, nowMs)
    this.#arrivals = 0
    this.#windowMs = nowMs
    this.#windowIdleMs = idleMs
    this.#windowCpuMs = cpuMs
  }
}

/** Costs are learnt over windows of so long, and not over ones in which little happened. */
const windowOfMs = 50
const tooLongMs = 500
/** A longer wait than this is pressure. */
const busyWaitMs = 10
/** A class of which nothing was answered for so long is tried again whatever its deadlines. */
const retryMs = 1_000
