import { unpackSql } from './lease-pack.ts'
import { type Statement, statement } from './statement.ts'
import { jobColumns, type JobTables } from './tables.ts'

export interface UpkeepStatements {
  /** Whether there is anything to do: lapsed leases, due jobs, held jobs. */
  readonly look: Statement
  /** $1 how many: locks lapsed leases. The next statement sees what was settled before they were locked. */
  readonly lockLapsed: Statement
  /** $1 tokens, $2 error as JSON, to be completed by the attempt: puts jobs back, or lays them by as dead. */
  readonly recover: Statement
  /** $1 how many: moves due jobs to where they wait. */
  readonly promote: Statement
  /** $1 how many tenants: locks gates of tenants that have jobs held. */
  readonly lockGates: Statement
  /** $1 tiers, $2 tenants, $3 how many: lets jobs in. */
  readonly admit: Statement
  /** Drops what nobody needs any more, each $1 rows at most; $2 how long receipts are kept, in milliseconds. */
  readonly sweeps: readonly Statement[]
}

export function upkeepStatements (tables: JobTables, deadLetters: string): UpkeepStatements {
  const { job, later, held, gate, lease, settled, unique, clock, share, receipt } = tables
  // The last attempt is a job's own only where it was alone, or was started at once: see ClaimRequest.starting.
  const isLast = `attempt >= (spec::json->>'a')::integer AND (suspect OR size = 1)`
  return {
    look: statement(`
      SELECT EXISTS (SELECT FROM ${lease} WHERE lease_until <= now()) AS lapsed,
        EXISTS (SELECT FROM ${later} WHERE due_at <= now()) AS due, EXISTS (SELECT FROM ${held}) AS held`),
    lockLapsed: statement(`
      SELECT token FROM ${lease} WHERE lease_until <= now() ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED`),
    recover: statement(`
      WITH marks AS (
        DELETE FROM ${settled} WHERE token = ANY ($1::bigint[]) RETURNING token, at
      ), ended AS (
        DELETE FROM ${lease} WHERE token = ANY ($1::bigint[]) RETURNING *
      ), lost AS MATERIALIZED (
        SELECT *, ${isLast} AS is_last FROM (${unpackSql('ended')}) AS row
        WHERE at <> ALL (settled)
          AND NOT EXISTS (SELECT FROM marks WHERE marks.token = row.token AND marks.at = row.at)
      ), back AS (
        INSERT INTO ${job} (${jobColumns})
        SELECT id, tag, due_at, enqueued_at, rank, least(attempt + 1, (spec::json->>'a')::integer), true, tracked, tier, name,
          tenant, spec, payload
        FROM lost WHERE NOT is_last RETURNING id
      ), dead AS (
        INSERT INTO ${deadLetters} AS letter (id, name, tier, tenant, priority, weight, attempts, cap, tracked,
          unique_key, context, payload, enqueued_at, attempt, fingerprint, version, error)
        SELECT id, name, tier, tenant, -rank, coalesce((spec::json->>'w')::float8, 1), (spec::json->>'a')::integer,
          (spec::json->>'cap')::integer, tracked, spec::json->'u'->>0, (spec::json->'c')::jsonb, payload, enqueued_at, attempt,
          $2::json->>'fingerprint', '', $2::jsonb
        FROM lost WHERE is_last
        ON CONFLICT (id) DO UPDATE SET attempt = excluded.attempt, fingerprint = excluded.fingerprint,
          version = excluded.version, error = excluded.error, failed_at = now()
        RETURNING id
      ), receipts AS (
        UPDATE ${receipt} AS known SET state = CASE WHEN is_last THEN 'dead' ELSE 'waiting' END,
          error = $2::text, changed_at = now()
        FROM lost WHERE tracked AND known.id = lost.id
      ), keys AS (
        DELETE FROM ${unique} AS known USING lost WHERE is_last AND known.name = lost.name
          AND known.key = lost.spec::json->'u'->>0 AND known.until IS NULL AND known.job = lost.id
      ), freed AS MATERIALIZED (
        SELECT tier, tenant, row.count FROM ${gate} AS known JOIN (
          SELECT tier, tenant, count(*)::integer AS count FROM lost
          WHERE is_last AND spec::json->>'cap' IS NOT NULL GROUP BY 1, 2
        ) AS row USING (tier, tenant) ORDER BY tier, tenant FOR UPDATE OF known
      ), gates AS (
        UPDATE ${gate} AS known SET open = greatest(0, open - freed.count) FROM freed
        WHERE known.tier = freed.tier AND known.tenant = freed.tenant
      )
      SELECT (SELECT count(*) FROM back)::integer AS recovered, (SELECT count(*) FROM dead)::integer AS died`),
    promote: statement(`
      WITH due AS (
        DELETE FROM ${later} WHERE id = ANY (ARRAY (
          SELECT id FROM ${later} WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
        )) RETURNING *
      ), charged AS (
        INSERT INTO ${share} AS known (tier, rank, tenant, last, used)
        SELECT tier, rank, tenant, coalesce((
            SELECT now FROM ${clock} AS clock WHERE clock.tier = due.tier AND clock.rank = due.rank
          ), 0) + sum(step), sum(step)
        FROM due GROUP BY tier, rank, tenant ORDER BY tier, rank, tenant
        ON CONFLICT (tier, rank, tenant) DO UPDATE
          SET last = greatest(known.last, excluded.last - excluded.used) + excluded.used, used = excluded.used
        RETURNING tier, rank, tenant, last - used AS base
      ), tagged AS (
        SELECT due.*, base + sum(step) OVER (PARTITION BY tier, rank, tenant ORDER BY due_at, id) AS own_tag
        FROM due JOIN charged USING (tier, rank, tenant)
      ), capped AS (
        INSERT INTO ${held} (${jobColumns}, cap)
        SELECT id, own_tag, due_at, enqueued_at, rank, attempt, suspect, tracked, tier, name, tenant, spec, payload, cap
        FROM tagged WHERE cap IS NOT NULL RETURNING 1
      ), uncapped AS (
        INSERT INTO ${job} (${jobColumns})
        SELECT id, own_tag, due_at, enqueued_at, rank, attempt, suspect, tracked, tier, name, tenant, spec, payload
        FROM tagged WHERE cap IS NULL RETURNING 1
      )
      SELECT (SELECT count(*) FROM capped)::integer + (SELECT count(*) FROM uncapped)::integer AS promoted`),
    lockGates: statement(`
      WITH RECURSIVE waiting AS (
        (SELECT tier, tenant, cap FROM ${held} ORDER BY tier, tenant, rank, tag LIMIT 1)
        UNION ALL
        SELECT next.* FROM waiting, LATERAL (
          SELECT tier, tenant, cap FROM ${held} AS row
          WHERE (row.tier, row.tenant) > (waiting.tier, waiting.tenant)
          ORDER BY tier, tenant, rank, tag LIMIT 1
        ) AS next
      )
      INSERT INTO ${gate} AS known (tier, tenant, cap, open)
      SELECT tier, tenant, cap, 0 FROM waiting ORDER BY tier, tenant LIMIT $1
      ON CONFLICT (tier, tenant) DO UPDATE SET cap = excluded.cap
      RETURNING tier, tenant, cap > open AS has_room`),
    admit: statement(`
      WITH room AS (
        SELECT tier, tenant, cap - open AS places FROM ${gate}
        JOIN unnest($1::text[], $2::text[]) AS mine (tier, tenant) USING (tier, tenant) WHERE cap > open
      ), picked AS MATERIALIZED (
        SELECT row.ctid FROM room, LATERAL (
          SELECT ctid FROM ${held} AS own WHERE own.tier = room.tier AND own.tenant = room.tenant
          ORDER BY rank, tag LIMIT room.places FOR UPDATE SKIP LOCKED
        ) AS row
      ), moved AS (
        DELETE FROM ${held} WHERE ctid = ANY (ARRAY (SELECT ctid FROM picked)) RETURNING *
      ), entered AS (
        INSERT INTO ${job} (${jobColumns})
        SELECT id, greatest(tag, (
            SELECT now FROM ${clock} AS clock WHERE clock.tier = moved.tier AND clock.rank = moved.rank
          )), due_at, enqueued_at, rank, attempt, suspect, tracked, tier, name, tenant, spec, payload FROM moved
      ), counted AS (
        UPDATE ${gate} AS known SET open = open + row.count
        FROM (SELECT tier, tenant, count(*)::integer AS count FROM moved GROUP BY 1, 2) AS row
        WHERE known.tier = row.tier AND known.tenant = row.tenant
      )
      SELECT count(*)::integer AS admitted FROM moved`),
    sweeps: [
      statement(`
        DELETE FROM ${unique} WHERE ctid = ANY (ARRAY (
          SELECT ctid FROM ${unique} WHERE until <= now() ORDER BY until LIMIT $1 FOR UPDATE SKIP LOCKED
        )) AND $2::float8 > 0`),
      statement(`
        DELETE FROM ${share} WHERE ctid = ANY (ARRAY (
          SELECT share.ctid FROM ${share} AS share JOIN ${clock} AS clock USING (tier, rank)
          WHERE last <= now LIMIT $1 FOR UPDATE OF share SKIP LOCKED
        )) AND $2::float8 > 0`),
      statement(`
        DELETE FROM ${gate} WHERE ctid = ANY (ARRAY (
          SELECT gate.ctid FROM ${gate} AS gate WHERE open = 0 AND NOT EXISTS (
            SELECT FROM ${held} AS held WHERE held.tier = gate.tier AND held.tenant = gate.tenant
          ) LIMIT $1 FOR UPDATE SKIP LOCKED
        )) AND $2::float8 > 0`),
      // Ids are ordered by time, so that what is old enough is at the front of the primary key.
      statement(`
        DELETE FROM ${receipt} WHERE ctid = ANY (ARRAY (
          SELECT ctid FROM ${receipt}
          WHERE id < (lpad(to_hex(greatest(0, floor(extract(epoch FROM now()) * 1000 - $2::float8))::bigint), 12, '0')
              || '70008000000000000000')::uuid
            AND state NOT IN ('waiting', 'running', 'cancelling') AND changed_at < now() - interval '1 day'
          ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
        ))`),
    ],
  }
}
