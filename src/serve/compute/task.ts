/** What a task gets as its second argument. */
export interface ComputeTaskInfo {
  /**
   * When its thread will be terminated, in milliseconds since the Unix epoch, so that a task can stop early
   * with what it has (`Date.now() > deadlineMs`); infinite for never.
   */
  readonly deadlineMs: number
  /** The id of the request, job or message that it works for, for its logs. */
  readonly requestId: string | undefined
}

/** The names under which a module exports functions. */
export type ComputeTaskName<Tasks> =
  & { [Name in keyof Tasks]: Tasks[Name] extends (...given: never[]) => unknown ? Name : never }[keyof Tasks]
  & string

/** What a task takes. */
export type ComputeInput<Task> = Task extends (input: infer Input, ...rest: never[]) => unknown ? Input :
  never

/** What a task gives. */
export type ComputeResult<Task> = Task extends (...given: never[]) => infer Result ? Awaited<Result> : never

/** What the service asks of a thread. */
export type ThreadRequest =
  | { readonly kind: 'describe' }
  | { readonly kind: 'run'; readonly name: string; readonly input: unknown; readonly info: ComputeTaskInfo }

/** An error as it crosses threads. */
export interface ThrownError {
  readonly name: string
  readonly message: string
  readonly code?: string | number
  readonly stack?: string
}

/** What a thread answers. Errors are answers too: a rejection means that the thread is gone. */
export type ThreadReply =
  | { readonly kind: 'described'; readonly names: readonly string[] }
  | { readonly kind: 'unloadable'; readonly error: ThrownError }
  /** `value` is the result as `v8.serialize` wrote it. */
  | { readonly kind: 'done'; readonly value: Uint8Array }
  | { readonly kind: 'failed'; readonly error: ThrownError }
  | { readonly kind: 'unclonable'; readonly problem: string }

/** What a thread is started with. */
export interface ThreadData {
  /** The compute module's URL. */
  readonly module: string
}
