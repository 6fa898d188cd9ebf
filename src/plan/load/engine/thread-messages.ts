import type { Share } from '../arrivals/index.ts'
import type { Target } from '../client/index.ts'
import type { ThreadFigures } from '../health/index.ts'
import type { LoadPlan } from '../plan.ts'
import type { IntervalData, RecordedData } from './recorder.ts'

/** What a thread is started with. */
export interface ThreadInput {
  readonly plan: LoadPlan
  readonly targets: readonly Target[]
  readonly share: Share
  readonly core: number | undefined
}

/** To a thread. */
export type ThreadOrder = 'go' | 'stop'

/** From a thread. */
export type ThreadMessage =
  | { readonly kind: 'ready'; readonly standing: number; readonly pinned: boolean }
  | { readonly kind: 'interval'; readonly interval: ThreadInterval }
  | { readonly kind: 'done'; readonly interval: ThreadInterval; readonly result: ThreadResult }
  /** It could not begin. A clone keeps no fields of an error, so they come beside it. */
  | { readonly kind: 'failed'; readonly error: Error; readonly fields: Readonly<Record<string, unknown>> }

export interface ThreadInterval extends IntervalData {
  readonly endMs: number
  readonly inFlight: number
  readonly openConnections: number
}

export interface ThreadResult {
  readonly recorded: RecordedData
  readonly elapsedMs: number
  readonly spareMs: number
  readonly figures: ThreadFigures
  readonly walks: WalkCounts
  readonly connections: {
    readonly opened: number
    readonly failed: number
    readonly reused: number
    readonly closedIdle: number
    readonly openAtMost: number
  }
}

/** What became of journeys; those of warm-ups are not counted. */
export interface WalkCounts {
  readonly started: number
  readonly completed: number
  readonly broken: number
  /** Cut off by the end. */
  readonly unfinished: number
}
