import { packColumns, packedSql, packSql, unpackSql } from './lease-pack.ts'
import { msFromNow, msOf, type Statement, statement, unflushed } from './statement.ts'
import { jobColumns, type JobTables } from './tables.ts'

export interface ClaimStatements {
  /** $1 owner, $2 tier, $3 how many, $4 how many suspects, $5 lease in milliseconds. */
  readonly claim: Statement
  /** As `claim`, of jobs with names $6. */
  readonly claimNamed: Statement
  /** $1 tokens, $2 lease in milliseconds: of each that is there, whether it was renewed, and whom to cancel. */
  readonly renew: Statement
  /** $1 token, $2 positions that go back, all that are left when null. */
  readonly giveBack: Statement
  /** $1 owner, $2 tokens it knows of. */
  readonly unknown: Statement
  /** $1 ids, $2 attempts: notes that tracked jobs run; answers those that were cancelled. */
  readonly begin: Statement
}

export function claimStatements (tables: JobTables): ClaimStatements {
  const { job, lease, receipt } = tables
  const claim = (named: string): Statement =>
    statement(`
      WITH suspects AS MATERIALIZED (
        SELECT ctid FROM ${job} WHERE tier = $2 AND suspect ${named}
        ORDER BY rank, tag LIMIT $4 FOR UPDATE SKIP LOCKED
      ), picked AS MATERIALIZED (
        SELECT ctid FROM ${job} WHERE tier = $2 AND NOT suspect ${named}
        ORDER BY rank, tag LIMIT $3 - (SELECT count(*) FROM suspects) FOR UPDATE SKIP LOCKED
      ), taken AS (
        DELETE FROM ${job} WHERE ctid = ANY (ARRAY (SELECT ctid FROM suspects UNION ALL SELECT ctid FROM picked))
        RETURNING *
      )
      INSERT INTO ${lease} (owner, tier, lease_until, size, ${packColumns})
      SELECT $1, $2, ${msFromNow('$5')}, size, ${packColumns} FROM (${packSql('taken')}) AS pack
      RETURNING token, ${packedSql}, ${msOf('now()')} AS now_ms`)
  return {
    claim: claim(''),
    claimNamed: claim('AND name = ANY ($6::text[])'),
    // A row that is locked is being settled. It is not lost, but not renewed either: the next beat may find it free.
    renew: statement(`
      WITH mine AS (
        SELECT token FROM ${lease} WHERE token = ANY ($1::bigint[]) ORDER BY token FOR NO KEY UPDATE SKIP LOCKED
      ), renewed AS (
        UPDATE ${lease} AS row SET lease_until = ${msFromNow('$2')} FROM mine WHERE row.token = mine.token
        RETURNING row.token
      )
      SELECT row.token, cancelling, renewed.token IS NOT NULL AS renewed, ${unflushed}
      FROM ${lease} AS row LEFT JOIN renewed USING (token) WHERE row.token = ANY ($1::bigint[])`),
    giveBack: statement(`
      WITH ended AS (
        DELETE FROM ${lease} WHERE token = $1 AND $2::integer[] IS NULL RETURNING *
      ), parted AS (
        UPDATE ${lease} SET settled = settled || $2::integer[] WHERE token = $1 AND NOT settled && $2::integer[]
        RETURNING *
      )
      INSERT INTO ${job} (${jobColumns})
      SELECT ${jobColumns} FROM (${unpackSql('ended')}) AS ended WHERE at <> ALL (settled)
      UNION ALL
      SELECT ${jobColumns} FROM (${unpackSql('parted')}) AS parted WHERE at = ANY ($2::integer[])`),
    unknown: statement(`SELECT token FROM ${lease} WHERE owner = $1 AND token <> ALL ($2::bigint[])`),
    begin: statement(`
      WITH begun AS (
        UPDATE ${receipt} AS row SET state = 'running', attempt = mine.attempt, changed_at = now()
        FROM unnest($1::uuid[], $2::smallint[]) AS mine (id, attempt)
        WHERE row.id = mine.id AND row.state = 'waiting'
        RETURNING row.id
      )
      SELECT id FROM ${receipt} WHERE id = ANY ($1::uuid[]) AND state = 'cancelled'`),
  }
}
