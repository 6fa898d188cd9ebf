import { setTimeout as pause } from 'node:timers/promises'

/**
 * Asks until the answer is yes.
 *
 * @param what ends the sentence "waited N ms for" of the error
 */
export async function waitUntil (holds: () => boolean, timeoutMs: number, what: string): Promise<void> {
  const endMs = performance.now() + timeoutMs
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited ${timeoutMs} ms for ${what}`)
    await pause(20)
  }
}
