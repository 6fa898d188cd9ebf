import { type Context, currentContext, SettingError, unitOf } from '../../kernel/index.ts'

export interface LoaderOptions<Key> {
  /** Keys of one call at most; more of them are several calls, one beside the other. @default 1,000 */
  readonly batch?: number
  /** What makes two keys the same: for keys that are objects. @default the key itself */
  readonly identityOf?: (key: Key) => unknown
}

/** Fetches what belongs to all of the keys, in one statement: `where id = any($1)`. */
export type Fetch<Key, Row> = (keys: readonly Key[]) => Promise<readonly Row[]>

/**
 * Gathers what one unit of work asks for one by one, and fetches it at once: of all calls of `load` in one turn of the
 * loop, one statement is made. What has been fetched is remembered until the unit ends.
 */
export interface Loader<Key, Value> {
  load(key: Key): Promise<Value>
  /** In the order of the keys. */
  loadAll(keys: readonly Key[]): Promise<Value[]>
  /** Forgets what this unit knows of a key, because it has changed it. */
  forget(key: Key): void
}

/**
 * A loader of rows by a key that at most one of them has.
 *
 *     const productById = loadOne((ids: readonly number[]) => selectProducts(app.data, ids), ({ id }) => id)
 *     const product = await productById.load(item.productId)   // undefined where there is none
 *
 * @throws SettingError for options out of range
 */
export function loadOne<Key, Row> (
  fetch: Fetch<Key, Row>,
  keyOf: (row: Row) => Key,
  options: LoaderOptions<Key> = {}
): Loader<Key, Row | undefined> {
  return new UnitLoader<Key, Row, Row | undefined>(fetch, keyOf, options, (rows) => rows?.[0])
}

/**
 * A loader of all the rows that have a key, in the order in which they are fetched.
 *
 * @throws SettingError for options out of range
 */
export function loadMany<Key, Row> (
  fetch: Fetch<Key, Row>,
  keyOf: (row: Row) => Key,
  options: LoaderOptions<Key> = {}
): Loader<Key, readonly Row[]> {
  return new UnitLoader<Key, Row, readonly Row[]>(fetch, keyOf, options, (rows) => rows ?? [])
}

interface Wish<Key, Value> {
  readonly key: Key
  readonly identity: unknown
  readonly resolve: (value: Value) => void
  readonly reject: (error: unknown) => void
}

/** What one unit of work has asked for. */
class Asked<Key, Value> {
  readonly known: Map<unknown, Promise<Value>> = new Map()
  wishes: Wish<Key, Value>[] = []
}

class UnitLoader<Key, Row, Value> implements Loader<Key, Value> {
  readonly #fetch: Fetch<Key, Row>
  readonly #keyOf: (row: Row) => Key
  readonly #identityOf: (key: Key) => unknown
  readonly #valueOf: (rows: readonly Row[] | undefined) => Value
  readonly #batch: number
  readonly #units: WeakMap<Context, Asked<Key, Value>> = new WeakMap()
  /** Of work outside of any unit: gathered, and forgotten with its turn. */
  #unitless: Asked<Key, Value> | undefined

  constructor (
    fetch: Fetch<Key, Row>,
    keyOf: (row: Row) => Key,
    { batch = 1_000, identityOf = (key) => key }: LoaderOptions<Key>,
    valueOf: (rows: readonly Row[] | undefined) => Value
  ) {
    if (!(Number.isInteger(batch) && batch >= 1))
      throw new SettingError('loader.batch', 'a whole number of at least 1', batch)
    this.#fetch = fetch
    this.#keyOf = keyOf
    this.#identityOf = identityOf
    this.#valueOf = valueOf
    this.#batch = batch
  }

  load (key: Key): Promise<Value> {
    const asked = this.#asked()
    const identity = this.#identityOf(key)
    const known = asked.known.get(identity)
    if (known !== undefined) return known
    const { promise, resolve, reject } = Promise.withResolvers<Value>()
    asked.known.set(identity, promise)
    if (asked.wishes.length === 0) this.#schedule(asked)
    asked.wishes.push({ key, identity, resolve, reject })
    return promise
  }

  loadAll (keys: readonly Key[]): Promise<Value[]> {
    return Promise.all(keys.map((key) => this.load(key)))
  }

  forget (key: Key): void {
    this.#asked().known.delete(this.#identityOf(key))
  }

  #asked (): Asked<Key, Value> {
    const context = currentContext()
    if (context === undefined) return this.#unitless ??= new Asked()
    const unit = unitOf(context)
    let asked = this.#units.get(unit)
    if (asked === undefined) {
      asked = new Asked()
      this.#units.set(unit, asked)
    }
    return asked
  }

  /** After all promises that can go on by themselves have: each of them may ask for something, too. */
  #schedule (asked: Asked<Key, Value>): void {
    void Promise.resolve().then(() => process.nextTick(() => this.#run(asked)))
  }

  #run (asked: Asked<Key, Value>): void {
    const { wishes } = asked
    asked.wishes = []
    if (asked === this.#unitless) this.#unitless = undefined
    for (let from = 0; from < wishes.length; from += this.#batch) {
      void this.#fulfil(asked, wishes.slice(from, from + this.#batch))
    }
  }

  async #fulfil (asked: Asked<Key, Value>, wishes: readonly Wish<Key, Value>[]): Promise<void> {
    try {
      const rows = await this.#fetch(wishes.map(({ key }) => key))
      const byIdentity = Map.groupBy(rows, (row) => this.#identityOf(this.#keyOf(row)))
      for (const { identity, resolve } of wishes) resolve(this.#valueOf(byIdentity.get(identity)))
    } catch (error) {
      for (const { identity, reject } of wishes) {
        // The next one to ask tries again.
        asked.known.delete(identity)
        reject(error)
      }
    }
  }
}
