import {
  type Cancel,
  type CarriedContext,
  childTrace,
  type Context,
  type Criticality,
  type Deadline,
  DeadlineExceededError,
  newTrace,
  parseTraceparent,
  type Random,
  type TraceContext,
} from '../../../kernel/index.ts'

export interface JobContextParts {
  readonly id: string
  readonly tenant: string | undefined
  readonly deadline: Deadline
  readonly carried: CarriedContext
  /** Whether a trace that starts here is recorded. */
  readonly sample: () => boolean
  readonly random: Random
}

/**
 * The context of one run of a job: in the trace of what enqueued it, under a span of its own, as background work. A tiny
 * job asks for none of it, so that all is made when it is asked for.
 */
export class JobContext implements Context {
  readonly id: string
  readonly tenant: string | undefined
  readonly criticality: Criticality = 'background'
  readonly deadline: Deadline
  readonly #carried: CarriedContext
  readonly #sample: () => boolean
  readonly #random: Random
  #trace: TraceContext | undefined
  #parent: TraceContext | undefined
  #controller: AbortController | undefined
  #cancelTimer: Cancel | undefined
  #reason: Error | undefined
  #settled = false

  constructor ({ id, tenant, deadline, carried, sample, random }: JobContextParts) {
    this.id = id
    this.tenant = tenant
    this.deadline = deadline
    this.#carried = carried
    this.#sample = sample
    this.#random = random
  }

  get trace (): TraceContext {
    this.#trace ??= this.#resume()
    return this.#trace
  }

  /** The span of what enqueued it. */
  get parentSpanId (): string | undefined {
    this.#trace ??= this.#resume()
    return this.#parent?.spanId
  }

  get signal (): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
      else if (!this.#settled)
        this.#cancelTimer = this.deadline.whenPassed(() => this.abort(new DeadlineExceededError()))
    }
    return this.#controller.signal
  }

  /** Why the run must stop, once it must. */
  get stopReason (): Error | undefined {
    return this.#reason
  }

  /** The first reason counts. */
  abort (reason: Error): void {
    if (this.#settled || this.#reason !== undefined) return
    this.#reason = reason
    this.#cancelTimer?.()
    this.#controller?.abort(reason)
  }

  /** The run has ended: frees its timer. */
  settle (): void {
    this.#settled = true
    this.#cancelTimer?.()
  }

  #resume (): TraceContext {
    const { traceparent, tracestate } = this.#carried
    this.#parent = traceparent === undefined ? undefined : parseTraceparent(traceparent, tracestate)
    return this.#parent === undefined ?
      newTrace(this.#sample(), this.#random) :
      childTrace(this.#parent, this.#random)
  }
}
