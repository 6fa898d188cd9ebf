import { type Transaction, transaction } from '../../data/index.ts'
import { type LogPosition, logPosition, logStart } from '../events/index.ts'
import type { Outbox } from './open-outbox.ts'
import type { LogShard } from './outbox-log.ts'
import { shardOf } from './shard-of.ts'

/** What is kept about where a relay's shard is. */
export function checkpointName (relay: string, { at, of }: LogShard): string {
  return `relay ${relay} ${at}/${of}`
}

/**
 * Makes the checkpoints of a relay's shards where there are none, and divides anew where there are fewer than wanted. All
 * shards then begin where the last of the old ones was, so that nothing is left out; what others had published by
 * then comes twice.
 *
 * The larger number counts: of two releases that run side by side during a deploy, the one with fewer shards takes over
 * the number of the other.
 *
 * Keys belong to shards by a hash of PostgreSQL's, which promises nothing about other versions and machines. Where a
 * probe of it has changed, keys have changed shards, and these begin anew in the same way.
 *
 * @returns how many shards there are
 */
export async function divide (
  outbox: Outbox,
  relay: string,
  wanted: number,
  from: 'start' | 'head'
): Promise<number> {
  const { pool, names } = outbox
  const probing = `${shardOf(`'plimsoll'`, '1000003')}::text`
  const look = `SELECT shards, probe, ${probing} AS hash FROM ${names.relays} WHERE relay = $1`
  const { rows: [seen] } = await pool.query<RelayRow>(look, [relay])
  if (seen !== undefined && isDivided(seen, wanted)) return seen.shards
  const first = from === 'head' ? await outbox.head() : await outbox.tail() ?? logStart
  return await transaction(pool, async (tx) => {
    await tx.query(
      `INSERT INTO ${names.relays} (relay, shards, probe) VALUES ($1, 0, ${probing}) ON CONFLICT (relay) DO NOTHING`,
      [relay]
    )
    const { rows } = await tx.query<RelayRow>(`${look} FOR UPDATE`, [relay])
    const known = rows[0]!
    if (isDivided(known, wanted)) return known.shards
    const shards = Math.max(known.shards, wanted)
    const begin = known.shards === 0 ? first : await removed(tx, outbox, relay, known.shards)
    for (let at = 0; at < shards; at++) {
      await tx.query(`INSERT INTO ${names.readers} (name, epoch, xid, position) VALUES ($1, $2, $3, $4)`, [
        checkpointName(relay, { at, of: shards }),
        begin.epoch,
        begin.xid,
        begin.position,
      ])
    }
    await tx.query(`UPDATE ${names.relays} SET shards = $2, probe = ${probing} WHERE relay = $1`, [
      relay,
      shards,
    ])
    return shards
  })
}

interface RelayRow {
  readonly shards: number
  readonly probe: string
  readonly hash: string
}

function isDivided ({ shards, probe, hash }: RelayRow, wanted: number): boolean {
  return shards >= wanted && probe === hash
}

/** Removes the checkpoints of all shards. @returns the last of them */
async function removed (
  tx: Transaction,
  { names }: Outbox,
  relay: string,
  shards: number
): Promise<LogPosition> {
  const all = Array.from({ length: shards }, (_, at) => checkpointName(relay, { at, of: shards }))
  const { rows: [row] } = await tx.query<{ epoch: number; xid: string; position: string }>(
    `WITH removed AS (
      DELETE FROM ${names.readers} WHERE name = ANY ($1) RETURNING epoch, xid, position
    )
    SELECT epoch, xid::text, position::text FROM removed
    ORDER BY removed.epoch, removed.xid, removed.position LIMIT 1`,
    [all]
  )
  return row === undefined ?
    logStart :
    logPosition(row.epoch, row.xid, row.position)
}
