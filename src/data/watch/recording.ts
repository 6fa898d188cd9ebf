import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, unitOf } from '../../kernel/index.ts'
import type { StatementOutcome } from '../pool/index.ts'
import { type CallSite, captureCallSite } from './call-site.ts'
import { NotWatchedError } from './errors.ts'
import { type Finding, findingOf } from './finding.ts'
import { ShapeCache } from './fingerprint.ts'
import { Repetitions } from './repetitions.ts'

/** One statement of recorded work. */
export interface RecordedStatement {
  readonly text: string
  readonly values: readonly unknown[] | undefined
  /** See StatementShape. */
  readonly fingerprint: string
  /** `false` for what controls the session, such as BEGIN. */
  readonly isQuery: boolean
  readonly site: CallSite | undefined
  /** `undefined` while it runs. */
  readonly outcome: StatementOutcome | undefined
}

/** Work and what it sent. */
export interface Recording<Result> {
  readonly result: Result
  /** In the order in which they were asked for. */
  readonly statements: readonly RecordedStatement[]
  /** What a unit of it repeated; for work without a context, what it repeated as a whole. */
  readonly findings: readonly Finding[]
}

export interface RecordingOptions {
  /** Repetitions that are still right. @default 5 */
  readonly threshold?: number
}

type Writable<Value> = { -readonly [Key in keyof Value]: Value[Key] }

class Tape {
  readonly statements: Writable<RecordedStatement>[] = []
  readonly outer: Tape | undefined
  readonly #threshold: number
  readonly #units: Map<Context | undefined, Repetitions> = new Map()

  constructor (threshold: number, outer: Tape | undefined) {
    this.#threshold = threshold
    this.outer = outer
  }

  add (
    statement: Writable<RecordedStatement>,
    isBatch: boolean,
    context: Context | undefined
  ): void {
    this.statements.push(statement)
    const unit = context === undefined ? undefined : unitOf(context)
    let repetitions = this.#units.get(unit)
    if (repetitions === undefined) {
      repetitions = new Repetitions(this.#threshold)
      this.#units.set(unit, repetitions)
    }
    repetitions.add(statement.text, { ...statement, isBatch }, statement.values, statement.site)
    this.outer?.add(statement, isBatch, context)
  }

  findings (): readonly Finding[] {
    return [...this.#units].flatMap(([unit, repetitions]) =>
      repetitions.found().map((found) => findingOf({ ...found, unit: unit?.id }))
    )
  }
}

const tapes = new AsyncLocalStorage<Tape>()
const shapes = new ShapeCache()
let running = 0
let watches = 0

/** Somebody hears for recordings from now on. */
export function beginWatch (): void {
  watches++
}

/** @returns what {@link endRecorded} gets; `undefined` when nobody records */
export function record (
  text: string,
  values: readonly unknown[] | undefined,
  context: Context | undefined
): object | undefined {
  if (running === 0) return undefined
  const tape = tapes.getStore()
  if (tape === undefined) return undefined
  const { fingerprint, isQuery, isBatch } = shapes.of(text)
  const site = captureCallSite()
  const statement = { text, values, fingerprint, isQuery, site, outcome: undefined }
  tape.add(statement, isBatch, context)
  return statement
}

export function endRecorded (token: unknown, outcome: StatementOutcome): void {
  ;(token as Writable<RecordedStatement>).outcome = outcome
}

/**
 * Runs `work` and hears of each statement that it sends, and that whatever it starts sends: through any pool that has a
 * `statementWatch`. Recordings nest; those that run at the same time do not hear each other's.
 *
 * For tests and reviews: it takes the stack of each statement.
 *
 * @throws NotWatchedError when no pool of this process has a watch; what the work throws
 */
export async function recordStatements<Result> (
  work: () => Promise<Result> | Result,
  { threshold = 5 }: RecordingOptions = {}
): Promise<Recording<Result>> {
  if (watches === 0) throw new NotWatchedError('no pool of this process is watched')
  const tape = new Tape(threshold, tapes.getStore())
  running++
  try {
    const result = await tapes.run(tape, work)
    return { result, statements: tape.statements, findings: tape.findings() }
  } finally {
    running--
  }
}
