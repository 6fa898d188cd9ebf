import type { Clock } from '../../kernel/index.ts'

/** The result of the work, or undefined when it takes longer or fails: for goodbyes to a broker that may not listen. */
export async function withinMs<T> (clock: Clock, ms: number, work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>()
  const cancel = clock.after(ms, () => late.resolve(undefined))
  try {
    return await Promise.race([work.catch(() => undefined), late.promise])
  } finally {
    cancel()
  }
}
