import type { CarriedContext } from '../../../kernel/index.ts'
import type { NewJob } from './job-store.ts'

/** What the queue itself need not look at, as JSON in one column. */
export interface JobSpec {
  /** Most attempts. */
  readonly a: number
  /** Weight, when it is not 1. */
  readonly w?: number
  /** When it expires, in epoch milliseconds. */
  readonly x?: number
  /** Unique key, and when its window ends. */
  readonly u?: readonly [string] | readonly [string, number]
  readonly cap?: number
  readonly c: CarriedContext
}

/** Texts of contexts; those of one bulk are one object. */
const contextTexts = new WeakMap<CarriedContext, string>()

/** The {@link JobSpec} of a job, as JSON. */
export function specText (job: NewJob): string {
  const { attempts, weight, expiresAtMs, unique, cap, context } = job
  let text = `{"a":${attempts}`
  if (weight !== 1) text += `,"w":${weight}`
  if (expiresAtMs !== undefined) text += `,"x":${expiresAtMs}`
  if (unique !== undefined) {
    const { key, untilMs } = unique
    text += `,"u":${JSON.stringify(untilMs === undefined ? [key] : [key, untilMs])}`
  }
  if (cap !== undefined) text += `,"cap":${cap}`
  let contextText = contextTexts.get(context)
  if (contextText === undefined) contextTexts.set(context, contextText = JSON.stringify(context))
  return `${text},"c":${contextText}}`
}
