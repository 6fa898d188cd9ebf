/** As many tasks wait as may wait. Expected under load: answered with 503, logged at `info`. */
export class ComputeQueueFullError extends Error {
  override readonly name = 'ComputeQueueFullError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'COMPUTE_QUEUE_FULL'
  readonly statusCode = 503
  /** How many may wait: the setting `compute.queue`. */
  readonly queue: number

  constructor (queue: number) {
    super(`${queue} compute tasks wait already, and no more may (compute.queue)`)
    this.queue = queue
  }
}

/** The caller aborted its signal: it wants no result any more. */
export class ComputeCancelledError extends Error {
  override readonly name = 'ComputeCancelledError'
  readonly code = 'COMPUTE_CANCELLED'
  /** As others name a client that has gone (nginx); nobody is left to read it. */
  readonly statusCode = 499

  /** @param cause the signal's reason */
  constructor (task: string, cause: unknown) {
    super(`compute task ${task} was cancelled by its caller`, { cause })
  }
}

/** The pool is closing or closed. Answered with 503. */
export class ComputeClosedError extends Error {
  override readonly name = 'ComputeClosedError'
  readonly code = 'COMPUTE_CLOSED'
  readonly statusCode = 503

  constructor () {
    super('the compute threads are closing and take no tasks')
  }
}

/** The module exports no task of that name: a mistake in the service. */
export class ComputeUnknownTaskError extends Error {
  override readonly name = 'ComputeUnknownTaskError'
  readonly code = 'COMPUTE_UNKNOWN_TASK'
  readonly task: string
  /** What the module does export. */
  readonly tasks: readonly string[]

  constructor (task: string, tasks: readonly string[]) {
    super(`there is no compute task ${JSON.stringify(task)}; the module exports ${tasks.join(', ')}`)
    this.task = task
    this.tasks = tasks
  }
}

/** The compute module cannot be loaded, or exports no function. It stops the boot. */
export class ComputeModuleError extends Error {
  override readonly name = 'ComputeModuleError'
  readonly code = 'COMPUTE_MODULE_INVALID'
  /** The module's URL. */
  readonly module: string

  /** @param problem what is wrong with it, to follow "the compute module X" */
  constructor (module: string, problem: string, cause?: unknown) {
    super(`the compute module ${module} ${problem}`, cause === undefined ? undefined : { cause })
    this.module = module
  }
}

/** The task threw. Name, message and code are those of what it threw; its other fields stay in the thread. */
export class ComputeTaskError extends Error {
  override readonly name: string
  /** The thrown error's own code, or `COMPUTE_TASK_FAILED`. */
  readonly code: string | number
  readonly task: string

  constructor (
    task: string,
    thrown: { name: string; message: string; code?: string | number; stack?: string }
  ) {
    super(thrown.message)
    this.name = thrown.name
    this.code = thrown.code ?? 'COMPUTE_TASK_FAILED'
    this.task = task
    // Where it was thrown, not where it arrived.
    if (thrown.stack !== undefined) this.stack = thrown.stack
  }
}

/** The task's input or result cannot pass between threads, e.g. because it holds a function. */
export class ComputeDataError extends Error {
  override readonly name = 'ComputeDataError'
  readonly code = 'COMPUTE_DATA_UNCLONABLE'
  readonly task: string

  constructor (task: string, what: 'input' | 'result', problem: string) {
    super(`the ${what} of compute task ${task} cannot pass between threads: ${problem}`)
    this.task = task
  }
}

/** The task's thread came to its end under it. Another takes its place; no other task is affected. */
export class ComputeThreadLostError extends Error {
  override readonly name = 'ComputeThreadLostError'
  readonly code = 'COMPUTE_THREAD_LOST'
  readonly task: string

  /** @param cause what the thread ended with */
  constructor (task: string, cause: Error & { readonly code?: unknown }) {
    const why = cause.code === 'ERR_WORKER_OUT_OF_MEMORY' ?
      'it ran out of memory' :
      /exited with code/.test(cause.message) ?
      `${cause.message}; a task must return or throw, not end the process` :
      `nobody caught ${cause.name}: ${cause.message}; a task must await all that it starts`
    super(`the thread of compute task ${task} was lost: ${why}`, { cause })
    this.task = task
  }
}
