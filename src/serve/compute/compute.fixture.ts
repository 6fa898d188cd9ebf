import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { type Compute, type ComputeOptions, openCompute } from './index.ts'

export type Tasks = typeof import('./tasks.fixture.ts')

/** A pool of one thread, unless told otherwise, that runs `tasks.fixture.ts`. */
export function open (options: Partial<ComputeOptions> = {}): Promise<Compute<Tasks>> {
  const module = new URL('./tasks.fixture.ts', import.meta.url)
  return openCompute<Tasks>({ module, threads: 1, ...options })
}

/** Memory that a task spins on until the test lets it go. */
export interface Spinner extends Disposable {
  readonly flag: Int32Array
  readonly started: () => Promise<void>
  readonly tell: () => void
}

export function spinner (): Spinner {
  const flag = new Int32Array(new SharedArrayBuffer(8))
  const tell = (): void => void Atomics.store(flag, 0, 1)
  return {
    flag,
    started: () => waitUntil(() => Atomics.load(flag, 1) === 1),
    tell,
    // So that a test that fails does not leave a thread at work, which would keep the pool from closing.
    [Symbol.dispose]: tell,
  }
}

/** A real thread is the subject, so this polls, with a bound. */
async function waitUntil (condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    assert.ok(tries < 12_000, 'the condition did not come true in time')
    await pause(5)
  }
}
