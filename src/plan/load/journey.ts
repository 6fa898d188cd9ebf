import type { Random } from '../../kernel/index.ts'
import type { RequestSpec } from './plan.ts'

/**
 * What a traffic module exports: the source itself, or a function that makes one (it may be async; called
 * once a thread, before the first phase).
 */
export type JourneySourceExport =
  | JourneySource
  | ((context: SourceContext) => JourneySource | Promise<JourneySource>)

export interface SourceContext {
  /** The plan's `traffic.input`. */
  readonly input: unknown
  readonly thread: number
  readonly threads: number
}

/**
 * Makes journeys in code. It runs in the thread that sends, so what it takes long for makes requests late. What
 * it throws ends the journey, and is told in the report.
 */
export interface JourneySource {
  /**
   * One user's way. A generator function fits: what `yield` gives back is the answer to the step.
   *
   * @param iteration the arrival's number over all threads, from 0
   * @param random this arrival's own; the same for the same seed and iteration
   */
  next(iteration: number, random: Random): JourneySteps
}

/**
 * The engine sends each step and hands its answer to the next call. A step without an answer (a timeout, a
 * reset) ends the journey through `return`.
 */
export type JourneySteps = Iterator<JourneyStep, void, JourneyAnswer>

export interface JourneyStep {
  /** Reuse the same object for the same request: its bytes are prepared once for each object. */
  readonly request: RequestSpec
  /** Before this request. @default 0 */
  readonly thinkMs?: number
  /** Keep headers and body of the answer. @default false: they are counted and thrown away */
  readonly keep?: boolean
  /**
   * Judges the answer in place of the request's `expect`.
   *
   * @returns what is wrong with it, for people; `undefined` when it is as expected
   */
  readonly judge?: (answer: JourneyAnswer) => string | undefined
}

export interface JourneyAnswer {
  readonly statusCode: number
  /**
   * As the step's `judge` or the request's `expect` says; `true` while it is being judged. A journey that goes
   * on after `false` counts as broken all the same.
   */
  readonly expected: boolean
  /** Names in lower case; empty unless kept. */
  readonly headers: ReadonlyMap<string, string>
  /** Empty unless kept. */
  readonly body: Uint8Array
}
