import type { ContextPart } from './context-part.ts'
import { WorkSignal } from './context-signal.ts'
import type { Context } from './context.ts'
import type { Criticality } from './criticality.ts'
import { Deadline } from './deadline.ts'
import { type Random, systemRandom } from './random.ts'
import {
  childTrace,
  formatTraceparent,
  newTrace,
  parseTraceparent,
  type TraceContext,
} from './trace-context.ts'

export interface OpenContextOptions {
  readonly id: string
  /** @default a new trace that is not recorded */
  readonly trace?: TraceContext
  readonly tenant?: string | undefined
  /** @default 'background': nobody waits for the answer */
  readonly criticality?: Criticality
  /** @default none */
  readonly deadline?: Deadline
}

/**
 * What a row or a message takes along of the unit of work that wrote it: plain JSON, with nothing that is not known.
 * Its deadline stays behind, since nobody waits for what it leaves to be done; so does its criticality.
 */
export interface CarriedContext {
  /** The writer's place in its trace, as W3C's `traceparent`. */
  readonly traceparent?: string
  readonly tracestate?: string
  readonly tenant?: string
  /** The id of the unit of work that wrote it. */
  readonly cause?: string
}

class OpenedContext implements ContextPart {
  readonly id: string
  readonly trace: TraceContext
  readonly tenant: string | undefined
  readonly criticality: Criticality
  readonly deadline: Deadline
  readonly #signal: WorkSignal = new WorkSignal(this)

  constructor (options: OpenContextOptions, random: Random) {
    const { id, trace = newTrace(false, random), tenant, criticality = 'background' } = options
    this.id = id
    this.trace = trace
    this.tenant = tenant
    this.criticality = criticality
    this.deadline = options.deadline ?? Deadline.none
  }

  get signal (): AbortSignal {
    return this.#signal.signal
  }

  settle (): void {
    this.#signal.settle()
  }
}

/** The context of a unit of work that no request began: a job, a message, a step of a saga. */
export function openContext (options: OpenContextOptions, random: Random = systemRandom): ContextPart {
  return new OpenedContext(options, random)
}

/** What goes along with a job or a message that `context` writes. */
export function carryContext (context: Context | undefined): CarriedContext {
  if (context === undefined) return {}
  const { id, trace, tenant } = context
  return {
    traceparent: formatTraceparent(trace),
    ...(trace.state === undefined ? {} : { tracestate: trace.state }),
    ...(tenant === undefined ? {} : { tenant }),
    cause: id,
  }
}

/**
 * The context of work that another unit has left: in the same trace, under a span of its own, for the same tenant. It is
 * background work whatever left it, unless `options` say otherwise: what a critical request leaves to be done later
 * must not push aside the requests that somebody waits for.
 *
 * What cannot be read of `carried` is left out: a damaged header is no reason not to do the work.
 */
export function resumeContext (
  carried: CarriedContext,
  options: Omit<OpenContextOptions, 'trace'>,
  random: Random = systemRandom
): ContextPart {
  const parent = carried.traceparent === undefined ?
    undefined :
    parseTraceparent(carried.traceparent, carried.tracestate)
  const tenant = options.tenant ?? carried.tenant
  return openContext({
    ...options,
    tenant,
    ...(parent === undefined ? {} : { trace: childTrace(parent, random) }),
  }, random)
}

/** Reads what another process has written: takes only what has the right form. */
export function readCarried (value: unknown): CarriedContext {
  if (typeof value !== 'object' || value === null) return {}
  const { traceparent, tracestate, tenant, cause } = value as Record<string, unknown>
  return {
    ...(typeof traceparent === 'string' ? { traceparent } : {}),
    ...(typeof tracestate === 'string' ? { tracestate } : {}),
    ...(typeof tenant === 'string' ? { tenant } : {}),
    ...(typeof cause === 'string' ? { cause } : {}),
  }
}
