import { transaction } from '../../data/index.ts'
import { type Clock, fullJitter, type Random, sleep } from '../../kernel/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import { EventBatch } from '../consumers/index.ts'
import { comparePositions, type LogPosition } from '../events/index.ts'
import type { LogBatch, LoggedMessage, OutboxLog } from '../outbox/index.ts'
import type { BuildStore } from './build-store.ts'
import type { Build } from './build.ts'
import type { Projection } from './define-projection.ts'
import { BuildMovedError } from './errors.ts'

export interface ApplierParts {
  readonly projection: Projection
  readonly store: BuildStore
  readonly log: OutboxLog
  readonly logger: Logger | undefined
  readonly clock: Clock
  readonly random: Random
  /** Hears of each step of a build, after its commit. */
  readonly onMoved: (build: Build, position: LogPosition, events: number) => void
}

/** Between tries of what cannot be applied, or while the database is away. */
const retry = { baseMs: 200, capMs: 30_000 } as const
/** So often the log is told how far it may be cut off, in milliseconds. */
const tellLogMs = 1_000
/** A place that only events of other types have moved is saved so often, in milliseconds. */
const saveMs = 50
/** And one that has moved with the end of the log, without any event. */
const idleMs = 10_000
/**
 * Steps of a build beside the live one grow up to so many times the projection's batch: a row that many events change is
 * written once a step. They do not grow beyond a text of so many characters, nor while a step takes longer than this, in
 * milliseconds: nobody reads what is emitted meanwhile before its transaction has ended.
 */
const aside = { times: 5, characters: 8_000_000, ms: 100 } as const

/**
 * Applies events to one build, in their order and each once. Of several processes that apply to one build by mistake,
 * one gets each step committed; the others hear a BuildMovedError.
 */
export class Applier {
  readonly build: Build
  readonly #parts: ApplierParts
  /** As it is in the database. */
  #saved: LogPosition
  /** Up to here there is nothing more to apply; at or behind `#saved`. */
  #reached: LogPosition
  #savedMs: number
  #toldMs = Number.NEGATIVE_INFINITY
  /** Events of a step: those of a batch; fewer after a failure, more in a build that nobody reads yet. */
  #step: number
  #failures = 0
  #skipped: ReadonlySet<string> = new Set()

  constructor (parts: ApplierParts, build: Build) {
    this.#parts = parts
    this.build = build
    this.#saved = build.position
    this.#reached = build.position
    this.#savedMs = parts.clock.now()
    this.#step = parts.projection.batch
  }

  /** Up to where all is applied. */
  get position (): LogPosition {
    return this.#reached
  }

  /** What its reader is called in the log. */
  static reader ({ projection, build }: Build): string {
    return `projection ${projection} ${build}`
  }

  /** Whether a name is that of the reader of a build of this projection. */
  static isReader (name: string, projection: string): boolean {
    return /^projection (?<projection>\S+) \d+$/.exec(name)?.groups?.['projection'] === projection
  }

  /** @throws LogTruncatedError */
  async open (): Promise<void> {
    const { store, log, projection } = this.#parts
    this.#skipped = await store.skipped(projection.name)
    const reader = Applier.reader(this.build)
    await log.checkpoints.open(reader, this.build.position)
  }

  /** Applies whatever comes, until the signal aborts. @throws BuildMovedError once the build is no longer this one's */
  async follow (signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#parts
    let isNews = true
    for (let owes = false; !signal.aborted;) {
      await this.catchUp(undefined, signal)
      const isBehind = comparePositions(this.#reached, this.#saved) > 0
      // Events of other types move the place, too: whoever waits for a token may have written one of them.
      owes = isBehind && (owes || isNews)
      isNews = await log.wait(this.#reached, owes ? saveMs : idleMs, signal)
      const restedMs = clock.now() - this.#savedMs
      if (isBehind && restedMs >= (owes ? saveMs : idleMs)) await this.#save()
    }
  }

  /**
   * Applies what there is, up to and with `upTo`, by default to the end of the log. What fails is tried again until it
   * succeeds, with pauses.
   *
   * @throws BuildMovedError; the signal's reason
   */
  async catchUp (upTo: LogPosition | undefined, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#parts
    for (;;) {
      signal.throwIfAborted()
      try {
        await this.#catchUpOnce(upTo, signal)
        return
      } catch (error) {
        if (error instanceof BuildMovedError || signal.aborted) throw error
        this.#failures++
        const { projection, build } = this.build
        this.#parts.logger?.error(
          { err: error, projection, build, failures: this.#failures },
          `the projection ${projection} cannot apply events and tries again; nothing behind them is applied until it can. ` +
            'Its status names the event: mend apply, or leave the event out (skip)'
        )
        await sleep(clock, fullJitter(this.#failures, retry, random), signal)
      }
    }
  }

  async #catchUpOnce (upTo: LogPosition | undefined, signal: AbortSignal): Promise<void> {
    let reading = this.#read(this.#reached, upTo)
    for (;;) {
      const { messages, next, more } = await reading
      signal.throwIfAborted()
      // The next step is read while this one is applied.
      const ahead = more ? this.#read(next, upTo) : undefined
      ahead?.catch(() => {})
      if (messages.length > 0) await this.#apply(messages, next, signal)
      else this.#reached = next
      if (ahead === undefined) break
      reading = ahead
    }
    if (upTo !== undefined) await this.#save()
  }

  #read (after: LogPosition, upTo: LogPosition | undefined): Promise<LogBatch> {
    const { log, projection } = this.#parts
    return log.read({
      after,
      limit: this.#step,
      types: projection.types,
      ...(upTo === undefined ? {} : { upTo }),
    })
  }

  async #apply (messages: readonly LoggedMessage[], next: LogPosition, signal: AbortSignal): Promise<void> {
    const { projection, store, onMoved, logger, clock } = this.#parts
    const { build } = this
    const due = messages.filter(({ id }) => !this.#skipped.has(id))
    const startedMs = clock.now()
    try {
      await transaction(store.pool, async (tx) => {
        await store.move(tx, build, this.#saved, next, due.length)
        if (due.length === 0) return
        const events = new EventBatch(due, projection.events)
        const table = (name: string): string => store.tableName(name, build)
        await projection.apply(events, { tx, table, signal, logger })
      })
    } catch (error) {
      if (!(error instanceof BuildMovedError)) await this.#failed(messages, error)
      throw error
    }
    this.#moved(next)
    if (this.#failures > 0) {
      const { projection: name, build: number } = build
      logger?.info(
        { projection: name, build: number, failures: this.#failures },
        `the projection ${name} applies events again`
      )
    }
    this.#failures = 0
    this.#step = this.#stepAfter(messages, clock.now() - startedMs)
    onMoved(build, next, due.length)
    await this.#tellLog()
  }

  /** Twice the last one, as far as there may be larger ones. */
  #stepAfter (messages: readonly LoggedMessage[], tookMs: number): number {
    const { batch } = this.#parts.projection
    if (this.build.state === 'live' || this.#step < batch) return Math.min(batch, this.#step * 2)
    const characters = messages.reduce((sum, { payload }) => sum + payload.length, 0)
    if (tookMs > aside.ms || characters > aside.characters)
      return Math.max(batch, Math.floor(this.#step / 2))
    const isLarge = tookMs > aside.ms / 2 || characters > aside.characters / 2
    return isLarge ? this.#step : Math.min(batch * aside.times, this.#step * 2)
  }

  /** Steps get smaller until the event is found that cannot be applied. */
  async #failed (messages: readonly LoggedMessage[], error: unknown): Promise<void> {
    const { projection, store } = this.#parts
    const [first] = messages
    if (messages.length > 1) {
      this.#step = Math.max(1, Math.floor(messages.length / 2))
      return
    }
    // Somebody may have decided to leave it out.
    this.#skipped = await store.skipped(projection.name)
    const message = error instanceof Error ? error.message : String(error)
    if (first !== undefined) await store.fail(this.build, { event: first.id, type: first.type, message })
  }

  /** Saves a place that was reached without applying anything. */
  async #save (): Promise<void> {
    const { store, onMoved } = this.#parts
    const to = this.#reached
    if (comparePositions(to, this.#saved) <= 0) return
    await store.move(store.pool, this.build, this.#saved, to, 0)
    this.#moved(to)
    onMoved(this.build, to, 0)
    await this.#tellLog()
  }

  #moved (to: LogPosition): void {
    this.#saved = to
    this.#reached = to
    this.#savedMs = this.#parts.clock.now()
  }

  /** Retention drops nothing that a reader has not passed. */
  async #tellLog (): Promise<void> {
    const { log, store, clock } = this.#parts
    if (clock.now() - this.#toldMs < tellLogMs) return
    this.#toldMs = clock.now()
    await log.checkpoints.save(store.pool, Applier.reader(this.build), this.#saved, 0n)
  }
}
