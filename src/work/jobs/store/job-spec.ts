import type { CarriedContext } from '../../../kernel/index.ts'
import type { ClaimedJob, NewJob } from './job-store.ts'

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

/** A job as a claim writes it into its lease: see `claimedRow` of the statements. */
export type ClaimedRow = readonly [
  id: string,
  attempt: number,
  dueMs: number,
  enqueuedMs: number,
  rank: number,
  tag: string,
  suspect: 0 | 1,
  tracked: 0 | 1,
  name: string,
  tenant: string,
  spec: JobSpec,
  payload: string,
]

/** @param nowMs the server's clock, in epoch milliseconds */
export function claimedJob (row: ClaimedRow, tier: string, nowMs: number): ClaimedJob {
  const spec = row[10]
  const unique = spec.u
  return {
    id: row[0],
    name: row[8],
    tier,
    tenant: row[9],
    weight: spec.w ?? 1,
    // No priority is -0.
    priority: 0 - row[4],
    payload: row[11],
    runAtMs: undefined,
    expiresAtMs: spec.x,
    attempts: spec.a,
    unique: unique === undefined ? undefined : { key: unique[0], untilMs: unique[1] },
    cap: spec.cap,
    tracked: row[7] === 1,
    context: spec.c,
    attempt: row[1],
    enqueuedAtMs: row[3],
    waitedMs: Math.max(0, nowMs - row[2]),
  }
}
