/**
 * What a load run does, as plain data: it can be cloned into a worker thread and written as JSON.
 * Times are milliseconds, rates are arrivals a second over all threads.
 */
export interface LoadPlan {
  /**
   * Where to send: `http://host:port`, `https://host:port`, or `unix:/path/to.sock`. Of several, arrivals
   * take one after the other. A host name is resolved once, before the run.
   */
  readonly targets: readonly string[]
  /** One after the other. */
  readonly phases: readonly Phase[]
  readonly traffic: Traffic
  readonly connections?: ConnectionPolicy
  /**
   * How long a client waits for the last byte of its answer, from the intended send time; then it closes the
   * connection, and the request counts as `timeout`.
   * @default 30,000
   */
  readonly patienceMs?: number
  /** How a client that gives up leaves: an orderly close, or a reset. @default 'close' */
  readonly giveUp?: 'close' | 'reset'
  /** Arrivals above this many requests in flight are dropped, which voids the run. @default 20,000 */
  readonly maxInFlight?: number
  /** After the last phase, requests and journeys may go on for so long. @default `patienceMs` */
  readonly graceMs?: number
  /** Makes arrivals, choices and think times repeat themselves, whatever the number of threads. @default 1 */
  readonly seed?: number
  /** Worker threads that share the arrivals; 0 drives from the calling thread. @default 1 */
  readonly threads?: number
  /** Cores that the threads are pinned to, in turn; needs `taskset`. @default not pinned */
  readonly pin?: readonly number[]
  /**
   * `precise` busy-waits the last millisecond before an arrival, so that it leaves in time to some
   * microseconds, at the price of up to one core a thread. `thrifty` waits by timer alone: about 1 ms
   * late, and the lateness counts into the latency.
   * @default 'precise'
   */
  readonly dispatch?: 'precise' | 'thrifty'
  readonly tls?: TlsPolicy
  /** Above these the run is void. */
  readonly honesty?: HonestyLimits
}

/** How arrivals of a rate are spread: evenly, or at random (exponential gaps), as independent users do. */
export type Spread = 'even' | 'poisson'

interface PhaseFrame {
  /** @default its kind and place */
  readonly name?: string
  /** Requests of this phase are sent, and left out of every figure. @default false */
  readonly warmUp?: boolean
}

interface SpreadFrame extends PhaseFrame {
  /** @default 'even'; `poisson` phases are always random */
  readonly spread?: Spread
}

export interface ConstantPhase extends PhaseFrame {
  readonly kind: 'constant'
  readonly perSecond: number
  readonly durationMs: number
}

export interface PoissonPhase extends PhaseFrame {
  readonly kind: 'poisson'
  readonly perSecond: number
  readonly durationMs: number
}

/** From one rate to another, along a straight line. */
export interface RampPhase extends SpreadFrame {
  readonly kind: 'ramp'
  readonly fromPerSecond: number
  readonly toPerSecond: number
  readonly durationMs: number
}

/** `steps` levels of `eachMs`: the first at `fromPerSecond`, each further one `byPerSecond` higher. */
export interface StepsPhase extends SpreadFrame {
  readonly kind: 'steps'
  readonly fromPerSecond: number
  readonly byPerSecond: number
  readonly steps: number
  readonly eachMs: number
}

/** A base rate with a peak in it that comes and goes at once. */
export interface SpikePhase extends SpreadFrame {
  readonly kind: 'spike'
  readonly perSecond: number
  readonly peakPerSecond: number
  /** From the start of the phase. */
  readonly peakAtMs: number
  readonly peakForMs: number
  readonly durationMs: number
}

/** Arrivals at given times, e.g. those of an access log. */
export interface ReplayPhase extends PhaseFrame {
  readonly kind: 'replay'
  /** From the start of the phase, ascending. */
  readonly atMs: readonly number[] | Float64Array
  /** The journey of each arrival, by its index in `traffic.journeys`. @default chosen by weight */
  readonly journeys?: readonly number[] | Uint32Array
  /** @default the last arrival's time */
  readonly durationMs?: number
}

/**
 * A closed loop: `users` who each send their next request when the last is answered. For finding out what a
 * server can do at all; the latency of a closed loop says nothing about users who do not wait for each other.
 */
export interface ClosedPhase extends PhaseFrame {
  readonly kind: 'closed'
  readonly users: number
  readonly durationMs: number
}

/** Nobody arrives. */
export interface PausePhase extends PhaseFrame {
  readonly kind: 'pause'
  readonly durationMs: number
}

export type Phase =
  | ConstantPhase
  | PoissonPhase
  | RampPhase
  | StepsPhase
  | SpikePhase
  | ReplayPhase
  | ClosedPhase
  | PausePhase

export type Traffic = JourneyTraffic | ModuleTraffic

/** Each arrival starts one of these. A plain request is a journey of one step. */
export interface JourneyTraffic {
  readonly kind: 'journeys'
  readonly journeys: readonly JourneySpec[]
}

/**
 * Journeys made by code: the module is imported in each thread, and its export (see `JourneySource`) is asked
 * for a journey at each arrival.
 */
export interface ModuleTraffic {
  readonly kind: 'module'
  /** `file:` URL. */
  readonly url: string
  /** @default 'default' */
  readonly exportName?: string
  /** Handed to the export when it is a function; plain data. */
  readonly input?: unknown
}

export interface JourneySpec {
  readonly name: string
  /** Its share among the weights of all. @default 1 */
  readonly weight?: number
  readonly steps: readonly StepSpec[]
}

export interface StepSpec {
  readonly request: RequestSpec
  /** Between the answer before and this request; for the first step, after the arrival. @default none */
  readonly think?: ThinkTime
}

/** Milliseconds, or a random time: uniform between two, or exponential around a mean. */
export type ThinkTime =
  | number
  | { readonly fromMs: number; readonly toMs: number }
  | { readonly meanMs: number }

export interface RequestSpec {
  /** Requests of one name are counted together; few of them. */
  readonly name: string
  /** @default 'GET' */
  readonly method?: string
  /** With its query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Statuses that count as a success. @default 200 to 399 */
  readonly expect?: readonly number[]
  /** @default the plan's */
  readonly patienceMs?: number
}

export type ConnectionPolicy = KeepAlivePolicy | FreshPolicy

/** Connections are used again, the one that was used last first. */
export interface KeepAlivePolicy {
  readonly kind: 'keep-alive'
  /** Opened before the first phase, and left to stand until they are needed. @default 0 */
  readonly open?: number
  /**
   * Over all threads. At this many, a request waits for a free one; the wait counts into its latency, and may
   * end its patience (`unsent`).
   * @default 1,000, or `open` when that is more
   */
  readonly maximum?: number
  /** Local addresses to connect from, in turn, when the ports of one do not suffice. */
  readonly sources?: readonly string[]
}

/** Each request on a connection of its own, as clients that come anew do. */
export interface FreshPolicy {
  readonly kind: 'fresh'
  readonly sources?: readonly string[]
}

export interface TlsPolicy {
  /** PEM of what to trust, besides nothing else. @default the system's */
  readonly ca?: string
  /** @default the target's host */
  readonly servername?: string
  /** `false` takes any certificate. @default true */
  readonly verify?: boolean
}

/** What a run may come to and still be called honest. */
export interface HonestyLimits {
  /** Of requests sent after their intended time: the 99th percentile. @default 10 */
  readonly lagP99Ms?: number
  /** The latest of all. @default 1,000 */
  readonly lagMaxMs?: number
}
