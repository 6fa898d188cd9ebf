import { setTimeout as wait } from 'node:timers/promises'

/**
 * Asks every few milliseconds until it is so. For real processes, which have no clock of ours. The limit only ends a test
 * that has failed, so it is far above what a busy machine takes.
 */
export async function waitUntil (
  what: string,
  isSo: () => boolean | Promise<boolean>,
  limitMs = 60_000
): Promise<void> {
  const signal = AbortSignal.timeout(limitMs)
  while (!(await isSo())) {
    if (signal.aborted) throw new Error(`not so after ${limitMs} ms: ${what}`)
    await wait(5)
  }
}
