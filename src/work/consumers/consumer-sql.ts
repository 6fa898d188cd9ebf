import { statementName } from '../../data/index.ts'
import { type ConsumerTables, consumerTables } from './tables.ts'

/** A statement with the name under which connections keep it prepared. */
export interface NamedStatement {
  readonly name: string
  readonly text: string
}

const statementNames = [
  'register',
  'place',
  'nextIncarnation',
  'replay',
  'enter',
  'park',
  'hold',
  'claim',
  'head',
  'lockKey',
  'take',
  'release',
  'restart',
  'fail',
  'redrive',
  'discardOldest',
  'discardAll',
  'forgetAfter',
  'releaseEmpty',
  'list',
  'counts',
  'sweep',
] as const

type StatementName = typeof statementNames[number]

/** The statements of consumers, for one schema. */
export type ConsumerStatements = Readonly<Record<StatementName, NamedStatement>>

/** @param schema that of the service; the first of the search path when `undefined` */
export function consumerStatements (schema: string | undefined): ConsumerStatements {
  const texts = textsOf(consumerTables(schema))
  const named = statementNames.map((name) => [
    name,
    { name: statementName(`consumer_${name}`, texts[name]), text: texts[name] },
  ])
  return Object.fromEntries(named) as Record<StatementName, NamedStatement>
}

const ms = (parameter: string): string => `now() + ${parameter}::float8 * interval '1 ms'`

function textsOf (tables: ConsumerTables): Readonly<Record<StatementName, string>> {
  const { consumer, inbox, heldKey, heldMessage } = tables
  return {
    register: `INSERT INTO ${consumer} (name) VALUES ($1) ON CONFLICT (name) DO NOTHING`,
    // $2 how long handling may take, in milliseconds. What was begun before a replay is over when no transaction of its
    // time runs any more (anywhere on the server: not to be waited for), or when its time is up.
    place: `
      SELECT incarnation, coalesce(replayed < pg_snapshot_xmin(pg_current_snapshot())
        OR replayed_at < ${ms('-$2')}, true) AS settled
      FROM ${consumer} WHERE name = $1`,
    nextIncarnation:
      `SELECT nextval(pg_get_serial_sequence('${consumer}', 'incarnation'))::int AS incarnation`,
    replay: `
      UPDATE ${consumer} SET incarnation = $2, replayed = pg_current_xact_id(), replayed_at = now()
      WHERE name = $1`,

    // $1 name, $2 incarnation, $3 ids, $4 keys. Sorted, so that two who take over from each other cannot lock crosswise.
    // A second one who brings a message waits here for the first one's end. The share lock keeps a key from being
    // released while messages go behind its others.
    enter: `
      WITH entered AS (
        INSERT INTO ${inbox} (incarnation, id)
        SELECT $2, id FROM unnest($3::uuid[]) AS id
        WHERE EXISTS (SELECT FROM ${consumer} WHERE name = $1 AND incarnation = $2)
        ORDER BY id
        ON CONFLICT DO NOTHING
        RETURNING id
      ), held AS MATERIALIZED (
        SELECT key FROM ${heldKey} WHERE consumer = $1 AND key = ANY ($4::text[]) ORDER BY key FOR SHARE
      )
      SELECT EXISTS (SELECT FROM ${consumer} WHERE name = $1 AND incarnation = $2) AS current,
        ARRAY (SELECT id::text FROM entered) AS entered, ARRAY (SELECT key FROM held) AS held`,
    // $2 keys, $3 messages.
    park: `
      INSERT INTO ${heldMessage} (consumer, key, message)
      SELECT $1, key, message FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS parked (key, message, at) ORDER BY at`,
    // $1 name, $2 incarnation, $3 id, $4 key, $5 message, $6 dead, $7 wait in milliseconds, $8 failure. The key may be
    // held already, by one who had the messages before: then this one goes behind its others.
    hold: `
      WITH entered AS (
        INSERT INTO ${inbox} (incarnation, id)
        SELECT $2, $3 WHERE EXISTS (SELECT FROM ${consumer} WHERE name = $1 AND incarnation = $2)
        ON CONFLICT DO NOTHING
        RETURNING id
      ), held AS (
        INSERT INTO ${heldKey} AS mine (consumer, key, dead, attempts, due_at, failure)
        SELECT $1, $4, $6, 1, ${ms('$7')}, $8 FROM entered
        ON CONFLICT (consumer, key) DO UPDATE SET key = mine.key
        RETURNING 1
      )
      INSERT INTO ${heldMessage} (consumer, key, message) SELECT $1, $4, $5 FROM held`,

    // $2 how many, $3 lease in milliseconds. Whoever claims a key tries its oldest message; should it never be heard of
    // again, the key is due again when the lease ends, and the try counts.
    claim: `
      UPDATE ${heldKey} AS mine SET attempts = attempts + 1, due_at = ${ms('$3')}
      FROM (
        SELECT key FROM ${heldKey} WHERE consumer = $1 AND NOT dead AND due_at <= now()
        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
      ) AS due
      WHERE mine.consumer = $1 AND mine.key = due.key
      RETURNING mine.key`,
    head: `
      SELECT seq::text, message, attempts FROM ${heldMessage}
      JOIN ${heldKey} USING (consumer, key) WHERE consumer = $1 AND key = $2 AND NOT dead ORDER BY seq LIMIT 1`,
    // In the transaction of the message's effects; an own statement each, so that the last one sees what was put behind.
    lockKey: `SELECT FROM ${heldKey} WHERE consumer = $1 AND key = $2 FOR UPDATE`,
    take: `DELETE FROM ${heldMessage} WHERE seq = $1`,
    release: `
      DELETE FROM ${heldKey} WHERE consumer = $1 AND key = $2
        AND NOT EXISTS (SELECT FROM ${heldMessage} WHERE consumer = $1 AND key = $2)`,
    restart: `UPDATE ${heldKey} SET attempts = $4, due_at = ${
      ms('$3')
    } WHERE consumer = $1 AND key = $2 AND NOT dead`,
    // $3 seq, $4 which try it was, $5 dead, $6 wait in milliseconds, $7 failure.
    fail: `
      UPDATE ${heldKey} SET dead = $5, due_at = ${ms('$6')}, failure = $7
      WHERE consumer = $1 AND key = $2 AND attempts = $4 AND NOT dead
        AND EXISTS (SELECT FROM ${heldMessage} WHERE seq = $3)`,

    redrive: `
      UPDATE ${heldKey} SET dead = false, attempts = 0, due_at = now()
      WHERE consumer = $1 AND dead AND ($2::text IS NULL OR key = $2)`,
    discardOldest: `
      WITH held AS (
        SELECT key FROM ${heldKey} WHERE consumer = $1 AND key = $2 AND dead FOR UPDATE
      )
      DELETE FROM ${heldMessage} WHERE seq = (
        SELECT min(seq) FROM ${heldMessage} WHERE consumer = $1 AND key = (SELECT key FROM held)
      ) RETURNING message`,
    discardAll: `DELETE FROM ${heldMessage} WHERE consumer = $1 AND key = $2 RETURNING message`,
    // $2 to $4 the place after which they are forgotten; nulls: all are. Those without a place stay.
    forgetAfter: `
      DELETE FROM ${heldMessage} WHERE consumer = $1 AND ($2::int IS NULL OR (
        split_part(message::json ->> 'position', '.', 1)::int,
        split_part(message::json ->> 'position', '.', 2)::bigint,
        split_part(message::json ->> 'position', '.', 3)::bigint
      ) > ($2::int, $3::bigint, $4::bigint))`,
    releaseEmpty: `
      DELETE FROM ${heldKey} AS held WHERE consumer = $1
        AND NOT EXISTS (SELECT FROM ${heldMessage} WHERE consumer = $1 AND key = held.key)`,

    list: `
      SELECT key, dead, attempts, held_at, due_at, failure,
        (SELECT count(*)::int FROM ${heldMessage} WHERE consumer = held.consumer AND key = held.key) AS messages,
        (SELECT message FROM ${heldMessage} WHERE consumer = held.consumer AND key = held.key ORDER BY seq LIMIT 1)
          AS oldest
      FROM ${heldKey} AS held WHERE consumer = $1 AND ($2::text IS NULL OR key > $2) AND ($4::text IS NULL OR key = $4)
      ORDER BY key LIMIT $3`,
    counts: `
      SELECT count(*) FILTER (WHERE dead)::int AS dead, count(*) FILTER (WHERE NOT dead)::int AS retrying,
        coalesce(extract(epoch FROM now() - min(held_at) FILTER (WHERE dead)), 0)::float8 AS oldest_dead_seconds
      FROM ${heldKey} WHERE consumer = $1`,
    // $1 older than so many milliseconds, $2 how many at most. Of all consumers: those that are gone, too.
    sweep: `
      DELETE FROM ${inbox} WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM ${inbox} WHERE received_at < ${
      ms('-$1')
    } ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED
      ))`,
  }
}
