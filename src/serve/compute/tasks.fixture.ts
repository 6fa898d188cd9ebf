import type { ComputeTaskInfo } from './index.ts'

/** What the tests run in threads. */
export const version = 1

export function double (input: number): number {
  return input * 2
}

export async function doubleLater (input: number): Promise<number> {
  await Promise.resolve()
  return input * 2
}

/** Burns CPU until another thread writes to `flag[0]`; `flag[1]` says that it has started. */
export function spinUntilTold (flag: Int32Array): string {
  Atomics.store(flag, 1, 1)
  while (Atomics.load(flag, 0) === 0);
  return 'told'
}

export function fail (): never {
  throw Object.assign(new RangeError('no such page'), { code: 'PAGE_MISSING', page: () => 7 })
}

export function failWithText (): never {
  throw 'just text'
}

export function exit (): never {
  process.exit(3)
}

export function eatMemory (): never {
  const eaten: unknown[] = []
  for (;;) eaten.push(Array.from({ length: 100_000 }, Math.random))
}

export function throwLater (): Promise<never> {
  setTimeout(() => {
    throw new Error('left behind')
  }, 0)
  return new Promise(() => {})
}

export function returnFunction (): () => void {
  return () => {}
}

export function tell (_input: unknown, info: ComputeTaskInfo): ComputeTaskInfo {
  return info
}

export function echo (input: unknown): unknown {
  return input
}

/** Not a task: tasks have names of their own. */
export default function unnamed (): void {}
