import type { Pool } from 'pg'
import { prepareTables } from '../../../data/index.ts'
import { quoteIdentifier } from '../../../engines/index.ts'

/** Names of the tables beside those of pg-boss, quoted. */
export interface BossTables {
  /** A row for each batch that is being run; `ids` are those not settled yet. */
  readonly lease: string
  readonly unique: string
  readonly receipt: string
}

const names: BossTables = {
  lease: 'plimsoll_boss_lease',
  unique: 'plimsoll_boss_unique',
  receipt: 'plimsoll_boss_receipt',
}

/** @param schema the first of the search path when `undefined` */
export function bossTables (schema: string | undefined): BossTables {
  const quoted = (name: string): string => schema === undefined ? name : `${quoteIdentifier(schema)}.${name}`
  return { lease: quoted(names.lease), unique: quoted(names.unique), receipt: quoted(names.receipt) }
}

export async function prepareBossTables (pool: Pool, schema: string | undefined): Promise<void> {
  await prepareTables(pool, {
    part: 'jobs-pg-boss',
    schema,
    versions: [[
      `CREATE TABLE ${names.lease} (
        token bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tier text NOT NULL,
        lease_until timestamptz NOT NULL,
        ids uuid[] NOT NULL,
        cancelling uuid[] NOT NULL DEFAULT '{}'
      ) WITH (fillfactor = 50)`,
      `CREATE INDEX plimsoll_boss_lease_until ON ${names.lease} (lease_until)`,
      `CREATE TABLE ${names.unique} (
        name text NOT NULL,
        key text NOT NULL,
        job uuid NOT NULL,
        until timestamptz,
        PRIMARY KEY (name, key)
      )`,
      `CREATE INDEX plimsoll_boss_unique_job ON ${names.unique} (job)`,
      `CREATE TABLE ${names.receipt} (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        tier text NOT NULL,
        tenant text NOT NULL,
        state text NOT NULL,
        attempt smallint NOT NULL,
        progress text,
        result text,
        error jsonb,
        enqueued_at timestamptz NOT NULL DEFAULT now(),
        changed_at timestamptz NOT NULL DEFAULT now()
      ) WITH (fillfactor = 60)`,
      `CREATE INDEX plimsoll_boss_receipt_changed ON ${names.receipt} (changed_at)`,
    ]],
  })
}
