/**
 * What the command's exit code says. 64 and above follow sysexits.h; 128 + N is the shell's way to say
 * "ended by signal N".
 */
export const exitCodes = {
  /** Done; or drained and stopped as asked. */
  ok: 0,
  /** What was asked failed: the service does not start, a check is not met. */
  failed: 1,
  /** The command line or a setting is wrong; nothing was started. */
  usage: 2,
  /** A load test ran, and a threshold of it is not met. */
  thresholdMissed: 3,
  /** A load test's generator could not do what it was asked: its figures say nothing about the target. */
  voidRun: 4,
  /** This version of Node.js is too old (EX_UNAVAILABLE); said by bin/plimsoll.js. */
  unsupportedNode: 69,
  /** Something gave way that should not (EX_SOFTWARE): the workers' code, or ours. */
  internal: 70,
  /** Interrupted (Ctrl-C) before the service ran, twice while it drained, or during a load test: 128 + SIGINT. */
  interrupted: 130,
} as const

/** The codes as help and docs list them. */
export const exitCodeMeanings: readonly (readonly [code: number, meaning: string])[] = [
  [exitCodes.ok, 'done, or stopped as asked (SIGTERM, Ctrl-C) after draining'],
  [exitCodes.failed, 'failed: the service did not start, or a check is not met'],
  [exitCodes.usage, 'wrong use: an unknown flag or command, or a wrong setting'],
  [exitCodes.thresholdMissed, 'load: a threshold is not met, or nothing was answered as expected'],
  [exitCodes.voidRun, "load: void, since the generator could not keep up or the scenario's own code failed"],
  [exitCodes.unsupportedNode, 'this version of Node.js is too old'],
  [exitCodes.internal, 'crashed: the workers kept failing, or a defect in Plimsoll'],
  [
    exitCodes.interrupted,
    'interrupted (Ctrl-C) before the service ran, again while it drained, or during a load test',
  ],
]
