import type pg from 'pg'
import type { Payments } from './payments.ts'

/** What is counted for one kind of effect. */
export interface EffectCount {
  readonly kind: string
  readonly expected: number
  /** Things that have none. */
  readonly lost: number
  /** Effects beyond the first of a thing. */
  readonly duplicated: number
  /** Effects that came before one of an earlier turn of their key; `undefined` where no order is promised. */
  readonly disordered: number | undefined
}

/** What is left in the tables when all is done. */
export interface Leftovers {
  readonly jobs: number
  readonly deadLetters: number
  readonly heldEvents: number
  readonly sagas: number
}

export interface Audit {
  readonly things: number
  readonly effects: readonly EffectCount[]
  readonly leftovers: Leftovers
}

/** In the database, by what leaves them; those that promise an order keep it by key. */
const inDatabase = [
  ['job', false],
  ['heard', true],
  ['heard by broker', true],
  ['saga begun', false],
  ['saga ended', false],
] as const

/** @param hasBroker whether events went through one */
export async function audit (pool: pg.Pool, payments: Payments, hasBroker: boolean): Promise<Audit> {
  const { rows } = await pool.query<{ id: string }>('select id from ledger.thing')
  const things = rows.map(({ id }) => id)
  const effects: EffectCount[] = []
  for (const [kind, isOrdered] of inDatabase) {
    if (kind !== 'heard by broker' || hasBroker) effects.push(await countIn(pool, kind, isOrdered))
  }
  for (const kind of ['called', 'paid']) effects.push(countOf(kind, things, payments.effects(kind)))
  return { things: things.length, effects, leftovers: await leftoversIn(pool) }
}

/** Nothing is under way any more, and nothing was given up. */
export function isDone ({ effects, leftovers }: Audit): boolean {
  return effects.every(({ lost }) => lost === 0) && Object.values(leftovers).every((count) => count === 0)
}

async function countIn (pool: pg.Pool, kind: string, isOrdered: boolean): Promise<EffectCount> {
  const { rows: [row] } = await pool.query<
    { expected: number; lost: number; duplicated: number; disordered: number }
  >(
    `with mine as (select * from ledger.effect where kind = $1),
      counted as (
        select thing.id, count(mine.thing)::int as effects from ledger.thing left join mine on mine.thing = thing.id
        group by thing.id
      ),
      compared as (select turn < max(turn) over (partition by key order by at) as is_late from mine)
    select count(*)::int as expected, count(*) filter (where effects = 0)::int as lost,
      coalesce(sum(greatest(effects - 1, 0)), 0)::int as duplicated,
      (select count(*) filter (where is_late)::int from compared) as disordered
    from counted`,
    [kind]
  )
  const { expected, lost, duplicated, disordered } = row!
  return { kind, expected, lost, duplicated, disordered: isOrdered ? disordered : undefined }
}

function countOf (kind: string, things: readonly string[], found: ReadonlyMap<string, number>): EffectCount {
  const counts = things.map((id) => found.get(id) ?? 0)
  return {
    kind,
    expected: things.length,
    lost: counts.filter((count) => count === 0).length,
    duplicated: [...found.values()].reduce((sum, count) => sum + count - 1, 0),
    disordered: undefined,
  }
}

async function leftoversIn (pool: pg.Pool): Promise<Leftovers> {
  const { rows: [row] } = await pool.query<Leftovers>(
    `select (select count(*)::int from ledger.plimsoll_job) + (select count(*)::int from ledger.plimsoll_job_later) +
        (select count(*)::int from ledger.plimsoll_job_held) + (select count(*)::int from ledger.plimsoll_job_lease) as jobs,
      (select count(*)::int from ledger.plimsoll_job_dead) as "deadLetters",
      (select count(*)::int from ledger.plimsoll_held_message) as "heldEvents",
      (select count(*)::int from ledger.plimsoll_saga where ended_at is null) as sagas`
  )
  return row!
}
