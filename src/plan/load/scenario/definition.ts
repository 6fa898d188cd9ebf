import type { Duration } from '../../../kernel/index.ts'
import type { ArrivalProcess, Arrivals } from './arrivals.ts'
import type { StepResponse } from './response.ts'
import type { Think } from './think.ts'
import type { Turn } from './turn.ts'

/** The methods that a step can use. */
export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'

export const methods: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Header fields by name. */
export type HeaderFields = Readonly<Record<string, string>>

/** Text and bytes are sent as they are; an object or a list as JSON, with its content type. */
export type Body = string | Uint8Array | object

/** One request of a journey. */
export interface StepDefinition {
  /** In the report; steps of one name are counted together. @default method and path, where that is no function */
  readonly name?: string
  /** @default `GET`, and `POST` with a body */
  readonly method?: Method
  /** From the target's root, with its query. A function that gives `undefined` ends the journey, without an error. */
  readonly path: string | ((turn: Turn) => string | undefined)
  /** On top of the scenario's and the journey's; the same name replaces. */
  readonly headers?: HeaderFields | ((turn: Turn) => HeaderFields)
  readonly body?: Body | ((turn: Turn) => Body)
  /** Before this step. @default the journey's */
  readonly think?: Think
  /**
   * Which answers are good: a status, several, or a function that says so, or says what is wrong. At any other
   * the journey ends.
   * @default 200 to 399
   */
  readonly expect?: number | readonly number[] | ((response: StepResponse) => boolean | string)
}

/** What one kind of user does: its requests, one after the other. */
export interface JourneyDefinition {
  /** In the report. */
  readonly name: string
  /** Its share of all journeys, against the weights of the others. @default 1 */
  readonly weight?: number
  /** Before each step but the first. @default none */
  readonly think?: Think
  readonly headers?: HeaderFields
  readonly steps: readonly StepDefinition[]
}

/** A load test: how much of what, against which service, and what must hold. */
export interface LoadDefinition {
  /** Where the service is: `http://HOST:PORT` or `https://...`; a path is put before those of the steps. */
  readonly target: string
  /** The parts of the run, one after the other. @default `hold(50, '10s')` */
  readonly arrivals?: readonly (Arrivals | readonly Arrivals[])[]
  /** How arrivals spread at a rate. @default `poisson` */
  readonly process?: ArrivalProcess
  /** One is picked for each arrival, by weight. */
  readonly journeys: readonly JourneyDefinition[]
  /** Sent with every request. */
  readonly headers?: HeaderFields
  /** What must hold, e.g. `p99 < 250ms`; see docs/load.md. @default nothing */
  readonly thresholds?: readonly string[]
  /** A run at the first rate before the others, whose figures are not counted. @default none */
  readonly warmUp?: Duration
  /** How long a request may take, from its intended time; then it counts as a timeout. @default `'10s'` */
  readonly timeout?: Duration
  /**
   * This many connections, opened ahead; a request waits for a free one, and the wait counts.
   * @default as many as are needed, up to 1,000
   */
  readonly connections?: number
  /** A new connection for each request, as clients that come once do. @default false */
  readonly fresh?: boolean
  /** Threads that send. @default 1 */
  readonly threads?: number
  /**
   * How late the generator may send, at the 99th percentile, before the run is void. Its lateness counts into the
   * latency, so a higher one makes figures worse, never better. @default `'10ms'`
   */
  readonly allowLag?: Duration
  /** Makes arrivals, journeys and bodies repeat themselves. @default 1 */
  readonly seed?: number
}

/** Marks a definition, so that a module that exports something else is told. */
export const loadMark: unique symbol = Symbol.for('plimsoll.load')

/** What `defineLoad` returns, for a module's default export. */
export interface DefinedLoad extends LoadDefinition {
  readonly [loadMark]: true
}

/** Defines a load test. A module for `plimsoll load` exports it as its default; nothing is checked before that. */
export function defineLoad (definition: LoadDefinition): DefinedLoad {
  return { ...definition, [loadMark]: true }
}

type Rest = Omit<StepDefinition, 'path' | 'method' | 'body'>
type Path = StepDefinition['path']

/** A step that reads. */
export function get (path: Path, rest: Rest = {}): StepDefinition {
  return { ...rest, method: 'GET', path }
}

/** A step that sends a body by POST. */
export function post (path: Path, body: StepDefinition['body'], rest: Rest = {}): StepDefinition {
  return { ...rest, method: 'POST', path, ...withBody(body) }
}

/** A step that sends a body by PUT. */
export function put (path: Path, body: StepDefinition['body'], rest: Rest = {}): StepDefinition {
  return { ...rest, method: 'PUT', path, ...withBody(body) }
}

/** A step that sends a body by PATCH. */
export function patch (path: Path, body: StepDefinition['body'], rest: Rest = {}): StepDefinition {
  return { ...rest, method: 'PATCH', path, ...withBody(body) }
}

/** A step that deletes. */
export function del (path: Path, rest: Rest = {}): StepDefinition {
  return { ...rest, method: 'DELETE', path }
}

function withBody (body: StepDefinition['body']): Pick<StepDefinition, 'body'> {
  return body === undefined ? {} : { body }
}
