import { pinning, type Server, startServer } from '../harness/index.ts'
import { figuresOf } from './figures.ts'
import { type HonestRun, type Offer, planFor, runHonestly } from './honest-run.ts'
import type { OverloadSubject } from './subjects.ts'
import { trafficOf } from './traffic.ts'
import { untilIdle } from './until-idle.ts'
import { type Kind, poolSize, takes } from './work.ts'

/** What a subject can do when nobody is in a hurry. */
export interface Capacity {
  readonly perSecond: number
  readonly unloadedP99Ms: number
}

export interface StageOptions {
  readonly subject: OverloadSubject
  readonly kind: Kind
  readonly quick: boolean
}

const idleAtMostMs = 2_000

/** One subject at work: started, warm, its capacity known. Started again when it does not get idle. */
export class Stage implements AsyncDisposable {
  readonly #options: StageOptions
  #server: Server | undefined
  capacity: Capacity = { perSecond: Number.NaN, unloadedP99Ms: Number.NaN }
  /** Why runs were void. */
  readonly voided: string[] = []

  constructor (options: StageOptions) {
    this.#options = options
  }

  get server (): Server {
    if (this.#server === undefined) throw new Error('the subject has not been started')
    return this.#server
  }

  /** Starts the subject, warms it up and measures its capacity. */
  async open (): Promise<this> {
    await this.#start()
    this.capacity = await this.#measure()
    return this
  }

  /**
   * Offers a load and waits for the end of its consequences.
   *
   * @returns how long the server went on after the load, in milliseconds; `Infinity` when it had to be ended
   */
  async offer (
    plan: Offer,
    options: Parameters<typeof runHonestly>[1] = {}
  ): Promise<HonestRun & { readonly idleAfterMs: number }> {
    let tries = 0
    const run = await runHonestly(async () => {
      if (tries++ > 0) await this.#settle()
      return planFor(this.server.address, plan)
    }, options)
    this.voided.push(...run.voided)
    return { ...run, idleAfterMs: await this.#settle() }
  }

  /**
   * Measures the capacity again: where it has changed by more than a fifth, the machine had other things to do, and
   * what was measured against the first one says nothing.
   */
  async isSteady (): Promise<boolean> {
    const after = await this.#measure()
    const change = after.perSecond / this.capacity.perSecond
    const steady = change > 0.8 && change < 1.25
    if (!steady) this.voided.push(`the capacity changed from ${show(this.capacity)} to ${show(after)}`)
    return steady
  }

  /** Waits until the server is idle; one that does not get idle is started again. */
  async #settle (): Promise<number> {
    const waitedMs = await untilIdle(this.server.pid, idleAtMostMs)
    if (waitedMs === Infinity) {
      await this.server.stop(500)
      await this.#start()
    }
    return waitedMs
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.#server?.stop(500)
  }

  async #start (): Promise<void> {
    this.#server = await startServer(this.#options.subject.command, { prefix: pinning().server })
    await runHonestly(() => planFor(this.server.address, this.#closed(this.#options.quick ? 400 : 1_000)))
  }

  /** A closed loop of as few clients as keep the route's bottleneck busy. */
  async #measure (): Promise<Capacity> {
    const { report } = await runHonestly(() =>
      planFor(this.server.address, this.#closed(this.#options.quick ? 700 : 1_500))
    )
    const { goodPerSecond, admittedP99Ms, refused, others } = figuresOf(report)
    if (refused > 0 || Object.keys(others).length > 0) {
      this.voided.push(`while capacity was measured: ${refused} refused, others ${JSON.stringify(others)}`)
    }
    return { perSecond: goodPerSecond, unloadedP99Ms: admittedP99Ms }
  }

  #closed (durationMs: number): Offer {
    const { kind } = this.#options
    return {
      phases: [{ kind: 'closed', users: takes[kind].waitMs > 0 ? poolSize : 1, durationMs }],
      traffic: trafficOf([{ path: `/${kind}` }]),
    }
  }
}

function show ({ perSecond }: Capacity): string {
  return `${perSecond.toFixed(0)}/s`
}
