import { quoteIdentifier } from '../../engines/index.ts'

/** From version n of the tables to n + 1, at position n; only ever added to. */
export const sagaTables: readonly (readonly string[])[] = [[
  `CREATE TABLE plimsoll_saga (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    version int NOT NULL,
    key text NOT NULL,
    status text NOT NULL,
    step text,
    token bigint NOT NULL,
    state jsonb NOT NULL,
    data jsonb NOT NULL,
    context jsonb NOT NULL,
    runbook text,
    wake_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    UNIQUE (name, key)
  ) WITH (fillfactor = 50)`,
  'CREATE INDEX plimsoll_saga_wake ON plimsoll_saga (wake_at) WHERE wake_at IS NOT NULL',
  'CREATE INDEX plimsoll_saga_unfinished ON plimsoll_saga (name, version, status) WHERE ended_at IS NULL',
  'CREATE INDEX plimsoll_saga_ended ON plimsoll_saga (ended_at) WHERE ended_at IS NOT NULL',
  `CREATE TABLE plimsoll_saga_event (
    saga uuid NOT NULL,
    seq int NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL,
    step text,
    actor text NOT NULL,
    trace text,
    detail jsonb,
    PRIMARY KEY (saga, seq)
  )`,
  `CREATE TABLE plimsoll_saga_definition (
    name text NOT NULL,
    version int NOT NULL,
    fingerprint text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, version)
  )`,
]]

/** The statements of the store, for one schema. */
export interface SagaStatements {
  /** $1 id, $2 name, $3 version, $4 key, $5 data, $6 context, $7 state; no row when there is one already. */
  readonly insert: string
  readonly idOf: string
  /** Of one saga, which stays locked until the transaction ends; with the server's clock. $1 id. */
  readonly lock: string
  /** As `lock`, but nothing of one that somebody else has locked. */
  readonly lockFree: string
  /** $1 name, $2 key. */
  readonly lockByKey: string
  /**
   * $1 id, $2 status, $3 step, $4 token, $5 state, $6 data, $7 wake in milliseconds since the epoch, $8 whether it has
   * ended, $9 runbook, $10 notes, $11 actor, $12 trace.
   */
  readonly save: string
  /** $1 id, $2 notes, $3 actor, $4 trace. */
  readonly note: string
  /** $1 how many. */
  readonly due: string
  readonly snooze: string
  /** $1 names, $2 versions, $3 fingerprints; answers those whose fingerprint was another one. */
  readonly announce: string
  readonly unfinished: string
  /** $1 names, $2 versions, $3 fingerprints. */
  readonly redefine: string
  /** $1 names, $2 versions that are known here, $3 for how long nobody may have known the others, in milliseconds. */
  readonly orphans: string
  /** $1 names, $2 versions that are known here, $3 why it was parked. */
  readonly returned: string
  /** $1 kept for how long, in milliseconds, $2 how many. */
  readonly forget: string
  readonly counts: string
  /** $1 name, $2 statuses, $3 id before which, $4 how many. */
  readonly list: string
  /** $1 id. */
  readonly read: string
  /** $1 and $2 the first and the last id that are meant, or nulls; $3 a key. Reads all keys: for people. */
  readonly find: string
  readonly events: string
}

export function sagaStatements (schema: string | undefined): SagaStatements {
  const named = (table: string): string =>
    schema === undefined ? table : `${quoteIdentifier(schema)}.${table}`
  const [saga, event, definition] = [
    named('plimsoll_saga'),
    named('plimsoll_saga_event'),
    named('plimsoll_saga_definition'),
  ]
  const row = `id, name, version, key, state, data, context, runbook, created_at, updated_at, ended_at,
    extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms`
  const noted = (id: string, notes: string, actor: string, trace: string): string => `
    INSERT INTO ${event} (saga, seq, kind, step, actor, trace, detail)
    SELECT ${id}, coalesce((SELECT max(seq) FROM ${event} WHERE saga = ${id}), 0) + note.ordinality,
      note.value->>'kind', note.value->>'step', ${actor}, ${trace}, note.value->'detail'
    FROM jsonb_array_elements(${notes}::jsonb) WITH ORDINALITY AS note`
  const known = `SELECT * FROM unnest($1::text[], $2::int[]) AS known (name, version)`
  return {
    insert: `
      INSERT INTO ${saga} (id, name, version, key, data, context, state, status, token)
      VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', 0) ON CONFLICT (name, key) DO NOTHING
      RETURNING ${row}`,
    idOf: `SELECT id FROM ${saga} WHERE name = $1 AND key = $2`,
    lock: `SELECT ${row} FROM ${saga} WHERE id = $1 FOR UPDATE`,
    lockFree: `SELECT ${row} FROM ${saga} WHERE id = $1 FOR UPDATE SKIP LOCKED`,
    lockByKey: `SELECT ${row} FROM ${saga} WHERE name = $1 AND key = $2 FOR UPDATE`,
    save: `
      WITH saved AS (
        UPDATE ${saga} SET status = $2, step = $3, token = $4, state = $5, data = $6,
          wake_at = to_timestamp($7::float8 / 1000), ended_at = CASE WHEN $8 THEN now() END, runbook = $9,
          updated_at = now()
        WHERE id = $1
      )
      ${noted('$1', '$10', '$11', '$12')}`,
    note: noted('$1', '$2', '$3', '$4'),
    due: `SELECT id FROM ${saga} WHERE wake_at <= now() ORDER BY wake_at LIMIT $1`,
    snooze: `UPDATE ${saga} SET wake_at = now() + interval '30 s' WHERE id = $1`,
    announce: `
      INSERT INTO ${definition} AS known (name, version, fingerprint)
      SELECT * FROM unnest($1::text[], $2::int[], $3::text[]) ORDER BY 1, 2
      ON CONFLICT (name, version) DO UPDATE SET seen_at = now()
      RETURNING name, version, fingerprint`,
    unfinished:
      `SELECT count(*)::int AS count FROM ${saga} WHERE name = $1 AND version = $2 AND ended_at IS NULL`,
    redefine: `
      UPDATE ${definition} AS known SET fingerprint = new.fingerprint
      FROM unnest($1::text[], $2::int[], $3::text[]) AS new (name, version, fingerprint)
      WHERE known.name = new.name AND known.version = new.version`,
    orphans: `
      SELECT id FROM ${saga} AS saga
      WHERE ended_at IS NULL AND status <> 'parked' AND (name, version) NOT IN (${known})
        AND NOT EXISTS (
          SELECT FROM ${definition} AS known WHERE known.name = saga.name AND known.version = saga.version
            AND known.seen_at > now() - $3::float8 * interval '1 ms')
      LIMIT 100`,
    returned: `
      SELECT id FROM ${saga}
      WHERE ended_at IS NULL AND status = 'parked' AND (name, version) IN (${known})
        AND state->'parked'->'failure'->>'code' = $3
      LIMIT 100`,
    forget: `
      WITH gone AS (
        DELETE FROM ${saga} WHERE id IN (
          SELECT id FROM ${saga} WHERE ended_at < now() - $1::float8 * interval '1 ms'
          ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING id
      )
      DELETE FROM ${event} WHERE saga IN (SELECT id FROM gone)`,
    counts: `
      SELECT name, status, count(*)::int AS count FROM ${saga} WHERE ended_at IS NULL GROUP BY name, status`,
    list: `
      SELECT ${row} FROM ${saga}
      WHERE ($1::text IS NULL OR name = $1) AND ($2::text[] IS NULL OR status = ANY ($2))
        AND ($3::uuid IS NULL OR id < $3)
      ORDER BY id DESC LIMIT $4`,
    read: `SELECT ${row} FROM ${saga} WHERE id = $1`,
    find:
      `SELECT ${row} FROM ${saga} WHERE id BETWEEN $1::uuid AND $2::uuid OR key = $3 ORDER BY id DESC LIMIT 2`,
    events: `
      SELECT seq, at, kind, step, actor, trace, detail FROM ${event} WHERE saga = $1 ORDER BY seq`,
  }
}
