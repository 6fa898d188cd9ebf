import { WorkSignal } from './context-signal.ts'
import { type Context, currentContext, runWithContext } from './context.ts'
import type { Criticality } from './criticality.ts'
import { Deadline } from './deadline.ts'
import type { TraceContext } from './trace-context.ts'

/** A context with a deadline and a signal of its own; the rest is that of the whole. */
export interface ContextPart extends Context {
  /** The part has ended: frees its timer. */
  settle(): void
}

class Part implements ContextPart {
  readonly whole: Context
  readonly deadline: Deadline
  readonly #signal: WorkSignal = new WorkSignal(this)

  constructor (whole: Context, deadline: Deadline) {
    this.whole = whole
    this.deadline = deadline
  }

  get id (): string {
    return this.whole.id
  }

  get trace (): TraceContext {
    return this.whole.trace
  }

  get tenant (): string | undefined {
    return this.whole.tenant
  }

  get criticality (): Criticality {
    return this.whole.criticality
  }

  get signal (): AbortSignal {
    return this.#signal.signal
  }

  settle (): void {
    this.#signal.settle()
  }
}

const never = new AbortController().signal

class FinishingPart extends Part {
  constructor (whole: Context) {
    super(whole, Deadline.none)
  }

  override get signal (): AbortSignal {
    return never
  }
}

/**
 * A part of `context` that must end by `deadline`. Its signal aborts then, and whenever that of the whole
 * does.
 *
 * @param deadline that of the whole or an earlier one; see {@link Deadline.within}
 */
export function withDeadline (context: Context, deadline: Deadline): ContextPart {
  return new Part(context, deadline)
}

/**
 * The unit of work that `context` is a part of, or is itself. What belongs to the unit as a whole is kept by this one,
 * e.g. in a WeakMap.
 */
export function unitOf (context: Context): Context {
  let unit = context
  while (unit instanceof Part) unit = unit.whole
  return unit
}

/**
 * Runs `work` with at most `ms` milliseconds of what its context has left. Outside of any context it runs as
 * it is, without a deadline.
 */
export async function within<Result> (ms: number, work: () => Promise<Result>): Promise<Result> {
  const whole = currentContext()
  if (whole === undefined) return work()
  const part = withDeadline(whole, whole.deadline.within(ms))
  try {
    return await runWithContext(part, work)
  } finally {
    part.settle()
  }
}

let underWay = 0

/**
 * Runs `work` that must come to its end once it has begun, such as a commit: inside, the context has no
 * deadline, and its signal does not abort when the caller leaves. The rest of the context stays.
 *
 * For the few steps whose half is worse than their whole; everything else should stop when nobody waits.
 */
export async function finishing<Result> (work: () => Promise<Result>): Promise<Result> {
  const whole = currentContext()
  underWay++
  try {
    return await (whole === undefined ? work() : runWithContext(new FinishingPart(whole), work))
  } finally {
    underWay--
  }
}

/** How many calls of {@link finishing} are under way in this process: what a drain should wait for. */
export function finishingNow (): number {
  return underWay
}
