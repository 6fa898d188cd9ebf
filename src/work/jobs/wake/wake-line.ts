/** What workers are told about. */
export interface WakeCall {
  /** Tiers in which something may have become due. */
  readonly tiers: readonly string[]
  /** Jobs that were asked to stop. */
  readonly cancelled?: readonly string[]
  /** Tracked jobs whose state has changed. */
  readonly changed?: readonly string[]
}

/**
 * Tells workers of other processes that there is something to do, so that they need not ask all the time. It may lose
 * calls, and repeat them: workers ask now and then all the same, only later.
 */
export interface WakeLine extends AsyncDisposable {
  /** Tells everybody but this process; it never throws, and never waits. */
  call(call: WakeCall): void
  /** Hears what others call, from when it resolves, or from when the line is up again. */
  listen(hear: (call: WakeCall) => void): Promise<void>
  close(): Promise<void>
}
