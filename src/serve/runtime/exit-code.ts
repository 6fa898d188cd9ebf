/** What the supervisor's and a worker's exit codes mean. */
export const exitCodes = {
  /** Everything that ran was drained. */
  ok: 0,
  /** The first generation of workers did not become ready, or a worker could not boot. */
  bootFailed: 1,
  /** A worker died of an uncaught error, or the supervisor gave up on workers that keep crashing. */
  failed: 70,
  /** A second SIGINT: ended at once, without draining (128 + 2, as shells have it). */
  interrupted: 130,
} as const
