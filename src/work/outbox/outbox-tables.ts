import { alongIndexSettings } from './along-index.ts'
import { asNumber, clusterNow, lowestRunning } from './epoch.ts'
import { shardOf } from './shard-of.ts'

/** Partitions of the log, written in turn; fixed in number, so that no statement ever changes a table. */
export const segmentCount = 8

/**
 * The tables of the outbox: the log, one row about it, and where its readers are.
 *
 * `xid` orders the log. It is not the writer's own id, but the highest that any finished transaction had when the event
 * was written, where that is higher. Own ids are given at the first write of a transaction, which may be long before it
 * comes to the event: of two transactions that queue for the lock of an aggregate, the second may well have the lower
 * id. Its statement, on the other hand, begins after the first has finished, and sees that. The writer's own id is a lower
 * bound of it, so that whoever is still running can only write behind the lowest running id.
 *
 * Rows are written with the epoch of the server that they are written on, which is looked up by the server's identity:
 * on a restored copy nothing is written, not even by a program that knows nothing of epochs, before the copy has
 * begun an epoch of its own.
 *
 * `payload` is json, not jsonb: it comes back as it was written, and takes all that JSON can say (jsonb refuses NUL).
 *
 * The log is read by a function, since that can be told to go along the index: see `alongIndex`.
 */
export const outboxTables: readonly (readonly string[])[] = [[
  `CREATE TABLE plimsoll_outbox_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    cluster bigint NOT NULL,
    epoch integer NOT NULL,
    segment integer NOT NULL,
    tail_epoch integer,
    tail_xid bigint,
    tail_position bigint
  )`,
  `INSERT INTO plimsoll_outbox_state (cluster, epoch, segment) VALUES (${clusterNow}, 1, 0)`,
  `CREATE FUNCTION plimsoll_outbox_epoch () RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT epoch FROM plimsoll_outbox_state WHERE cluster = ${clusterNow})`,
  `CREATE FUNCTION plimsoll_outbox_segment () RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT segment FROM plimsoll_outbox_state)`,
  `CREATE SEQUENCE plimsoll_outbox_position`,
  `CREATE TABLE plimsoll_outbox (
    epoch integer NOT NULL DEFAULT plimsoll_outbox_epoch(),
    xid bigint NOT NULL DEFAULT greatest(${asNumber('pg_current_xact_id()')},
      ${asNumber('pg_snapshot_xmax(pg_current_snapshot())')} - 1),
    position bigint NOT NULL DEFAULT nextval('plimsoll_outbox_position'),
    segment integer NOT NULL DEFAULT plimsoll_outbox_segment(),
    id uuid NOT NULL,
    aggregatetype text NOT NULL,
    aggregateid text NOT NULL,
    type text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    payload json NOT NULL,
    headers json NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
  ) PARTITION BY LIST (segment)`,
  `ALTER SEQUENCE plimsoll_outbox_position OWNED BY plimsoll_outbox.position`,
  `CREATE INDEX plimsoll_outbox_order ON plimsoll_outbox (epoch, xid, position)`,
  ...Array.from(
    { length: segmentCount },
    (_, at) => `CREATE TABLE plimsoll_outbox_${at} PARTITION OF plimsoll_outbox FOR VALUES IN (${at})`
  ),
  `CREATE TABLE plimsoll_outbox_segment (
    segment integer PRIMARY KEY,
    opened_at timestamptz,
    closed_at timestamptz
  )`,
  `INSERT INTO plimsoll_outbox_segment (segment, opened_at)
    SELECT at, CASE at WHEN 0 THEN now() END FROM generate_series(0, ${segmentCount - 1}) AS at`,
  `CREATE TABLE plimsoll_outbox_reader (
    name text PRIMARY KEY,
    epoch integer NOT NULL,
    xid bigint NOT NULL,
    position bigint NOT NULL,
    token bigint NOT NULL DEFAULT 0,
    saved_at timestamptz NOT NULL DEFAULT now()
  ) WITH (fillfactor = 25)`,
  `CREATE TABLE plimsoll_outbox_parked (
    relay text NOT NULL,
    aggregatetype text NOT NULL,
    aggregateid text NOT NULL,
    epoch integer NOT NULL,
    xid bigint NOT NULL,
    position bigint NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    version integer NOT NULL,
    payload json NOT NULL,
    headers json NOT NULL,
    created_at timestamptz NOT NULL,
    error text,
    attempts integer NOT NULL DEFAULT 0,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (relay, aggregatetype, aggregateid, epoch, xid, position)
  )`,
  `CREATE TABLE plimsoll_outbox_relay (
    relay text PRIMARY KEY,
    shards integer NOT NULL,
    probe text NOT NULL
  )`,
  `CREATE TABLE plimsoll_outbox_member (
    relay text NOT NULL,
    member text NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (relay, member)
  ) WITH (fillfactor = 25)`,
], [
  // After: $1, $2, $3. Up to: $4, $5, $6. Types: $7. Shard: $9 of $8. Aggregate: $10, $11. At most: $12.
  `CREATE FUNCTION plimsoll_outbox_read (integer, bigint, bigint, integer, bigint, bigint, text[], bigint, integer, text,
      text, integer)
    RETURNS TABLE (fence_epoch integer, fence_xid text, tail text, now_ms float8, epoch integer, xid text, "position" text,
      id uuid, aggregatetype text, aggregateid text, type text, version integer, payload text, headers text,
      created_ms float8)
    LANGUAGE sql STABLE ${alongIndexSettings.map((name) => `SET ${name} = off`).join(' ')}
    BEGIN ATOMIC
      WITH fence AS MATERIALIZED (
        SELECT state.epoch, ${lowestRunning} AS xmin, state.tail_epoch || '.' || state.tail_xid || '.' || state.tail_position AS tail
        FROM plimsoll_outbox_state AS state WHERE state.cluster = ${clusterNow}
      ), sooner AS MATERIALIZED (
        SELECT fence.*, coalesce(($4, $5, $6) < (fence.epoch, fence.xmin, 0), false) AS is_upto FROM fence
      ), here AS MATERIALIZED (
        SELECT sooner.epoch, sooner.xmin::text AS xid, sooner.tail, date_part('epoch', clock_timestamp()) * 1000 AS now_ms,
          CASE WHEN is_upto THEN $4 ELSE sooner.epoch END AS last_epoch,
          CASE WHEN is_upto THEN $5 ELSE sooner.xmin END AS last_xid,
          CASE WHEN is_upto THEN $6 ELSE 0 END AS last_position
        FROM sooner
      )
      SELECT here.epoch, here.xid, here.tail, here.now_ms, event.*
      FROM here LEFT JOIN LATERAL (
        SELECT log.epoch, log.xid::text, log.position::text, log.id, log.aggregatetype, log.aggregateid, log.type,
          log.version, log.payload::text, log.headers::text, date_part('epoch', log.created_at) * 1000
        FROM plimsoll_outbox AS log
        WHERE (log.epoch, log.xid, log.position) > ($1, $2, $3)
          AND (log.epoch, log.xid, log.position) <= (here.last_epoch, here.last_xid, here.last_position)
          AND ($7 IS NULL OR log.type = ANY ($7))
          AND ($8 IS NULL OR ${shardOf('log.aggregateid', '$8')} = $9)
          AND ($10 IS NULL OR log.aggregatetype = $10 AND log.aggregateid = $11)
        ORDER BY log.epoch, log.xid, log.position LIMIT $12
      ) AS event ON true;
    END`,
]]
