import type { Pool, PoolClient } from 'pg'
import { type Transaction, transaction } from '../../data/index.ts'
import { finishing, fullJitter, sleep } from '../../kernel/index.ts'
import { Applier, type ApplierParts } from './applier.ts'
import type { Build } from './build.ts'
import { columnsOf, type Difference, differenceOf, type TablePair } from './difference.ts'
import { BuildMovedError } from './errors.ts'

/** How long readers of the live tables may have to wait behind a swap that waits for one of them, in milliseconds. */
const lockMs = 200
/** How long the live build may stand still, in milliseconds. */
const standMs = 5_000
const pauses = { baseMs: 100, capMs: 5_000 } as const

class StandTooLongError extends Error {
  override readonly name = 'StandTooLongError'
}

/**
 * Brings a new build to where the live one stands, compares the two, and puts it in its place. The live one is read and
 * written all the while; it stands still while the last events before the comparison are applied, and before the swap.
 */
export class Builder {
  readonly #parts: ApplierParts
  readonly #build: Build
  readonly #applier: Applier

  constructor (parts: ApplierParts, build: Build) {
    this.#parts = parts
    this.#build = build
    this.#applier = new Applier(parts, build)
  }

  /**
   * @returns false when the two differ: then the build is marked as refused
   * @throws BuildMovedError; the signal's reason
   */
  async run (signal: AbortSignal): Promise<boolean> {
    const { store, log } = this.#parts
    await this.#applier.open()
    // The live one moves on meanwhile; each time, less is left to be done.
    for (let left = 3; left > 0; left--) await this.#applier.catchUp((await this.#live()).position, signal)
    const difference = await this.#compare(signal)
    if (difference !== undefined && !await this.#accepts(difference)) return false
    let old: Build | undefined
    await this.#whileLiveStands(signal, async (tx, live) => {
      await store.replace(tx, live, this.#build)
      old = live
    })
    if (old !== undefined) await log.checkpoints.remove(Applier.reader(old))
    return true
  }

  async #live (): Promise<Build> {
    const builds = await this.#parts.store.builds(this.#build.projection)
    const live = builds.find(({ state }) => state === 'live')
    if (live === undefined) throw new BuildMovedError(`there is no live build of ${this.#build.projection}`)
    return live
  }

  /** @returns undefined when there is nothing to compare */
  async #compare (signal: AbortSignal): Promise<Difference | undefined> {
    const pairs = await this.#pairs(await this.#live())
    if (pairs.length === 0) return undefined
    // Read only: it holds up neither the live build nor the log, however long it takes.
    return await onConnection(
      this.#parts.store.pool,
      'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
      async (snapshot) => {
        // The first statement takes the snapshot, in which both builds stand at one place.
        await this.#whileLiveStands(signal, async () => {
          await snapshot.query('SELECT 1')
        })
        return await differenceOf(snapshot, pairs)
      }
    )
  }

  async #pairs (live: Build): Promise<readonly TablePair[]> {
    const { projection, store } = this.#parts
    const pairs: TablePair[] = []
    for (const name of projection.tables.keys()) {
      const [one, other] = [store.tableName(name, this.#build), store.tableName(name, live)]
      const columns = await columnsOf(store.pool, one)
      const known = live.tables.includes(name) ? await columnsOf(store.pool, other) : []
      const compared = projection.compare === undefined && live.version === this.#build.version ?
        columns :
        projection.compare?.[name] ?? []
      const both = compared.filter((column) => columns.includes(column) && known.includes(column))
      if (both.length > 0) pairs.push({ name, one, other, columns: both })
    }
    return pairs
  }

  async #accepts ({ rows, examples }: Difference): Promise<boolean> {
    const { store, logger } = this.#parts
    await store.noteDifference(this.#build, rows)
    const { projection, build } = this.#build
    const isAccepted = (await store.find(projection, build))?.acceptDifference === true
    if (rows === 0 || isAccepted) return true
    await store.refuse(this.#build, rows, examples)
    logger?.error(
      { projection, build, difference: rows, examples },
      'a new build of a projection differs from the live one and does not take its place'
    )
    return false
  }

  /**
   * Runs `work` in a transaction that keeps the live build where it is, with the new one at the same place. Where that
   * takes too long, or somebody reads the live tables for long, all is let go and tried again.
   */
  async #whileLiveStands (
    signal: AbortSignal,
    work: (tx: Transaction, live: Build) => Promise<void>
  ): Promise<void> {
    const { store, clock, random, logger } = this.#parts
    const { projection } = this.#build
    for (let failed = 1;; failed++) {
      signal.throwIfAborted()
      await this.#applier.catchUp((await this.#live()).position, signal)
      try {
        return await transaction(store.pool, async (tx) => {
          await tx.query(`SET LOCAL lock_timeout = ${lockMs}`)
          const [live] = await store.builds(projection, tx, {
            where: `AND state = 'live'`,
            lock: 'FOR UPDATE',
          })
          if (live === undefined) throw new BuildMovedError(`there is no live build of ${projection}`)
          await this.#catchUpSoon(live, signal)
          await work(tx, live)
        })
      } catch (error) {
        if (error instanceof BuildMovedError || signal.aborted) throw error
        logger?.info({ err: error, projection }, 'a new build of a projection waits for its moment')
        await sleep(clock, fullJitter(failed, pauses, random), signal)
      }
    }
  }

  async #catchUpSoon (live: Build, signal: AbortSignal): Promise<void> {
    const late = new AbortController()
    const cancel = this.#parts.clock.after(standMs, () => late.abort(new StandTooLongError()))
    const either = AbortSignal.any([signal, late.signal])
    const isLate = new Promise<never>((_, reject) => {
      either.addEventListener('abort', () => reject(either.reason), { once: true })
    })
    try {
      await Promise.race([this.#applier.catchUp(live.position, either), isLate])
    } finally {
      cancel()
    }
  }
}

/** Runs `work` on a connection of its own, after `begin`, and gives it back without a trace. */
async function onConnection<Result> (
  pool: Pool,
  begin: string,
  work: (client: PoolClient) => Promise<Result>
): Promise<Result> {
  const client = await pool.connect()
  let broken: Error | undefined
  const markBroken = (error: Error): void => {
    broken = error
  }
  client.on('error', markBroken)
  try {
    await client.query(begin)
    return await work(client)
  } finally {
    await finishing(() => client.query('ROLLBACK')).catch(markBroken)
    client.off('error', markBroken)
    client.release(broken)
  }
}
