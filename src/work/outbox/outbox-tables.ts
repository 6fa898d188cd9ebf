import { asNumber, clusterNow } from './epoch.ts'

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
]]
