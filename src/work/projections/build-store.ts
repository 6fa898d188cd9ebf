import type { Pool } from 'pg'
import { prepareTables, type Transaction, transaction } from '../../data/index.ts'
import { quoteIdentifier } from '../../engines/index.ts'
import { formatPosition, type LogPosition, parsePosition } from '../events/index.ts'
import type { Build, BuildFailure, BuildState } from './build.ts'
import type { Projection } from './define-projection.ts'
import { BuildMovedError } from './errors.ts'

interface BuildRow {
  readonly projection: string
  readonly build: number
  readonly version: number
  readonly state: BuildState
  readonly tables: string[]
  readonly position: string
  readonly events: string
  readonly accept_difference: boolean
  readonly difference: string | null
  readonly examples: Record<string, unknown[]> | null
  readonly failure: BuildFailure | null
  readonly started_ms: number
}

const [table, skips] = ['plimsoll_projection', 'plimsoll_projection_skip']

/** What is known of the builds of all projections, and their tables. */
export class BuildStore {
  readonly pool: Pool
  readonly #schema: string
  readonly #table: string
  readonly #skips: string

  /** @param schema that of the service; the first of the search path when `undefined` */
  constructor (pool: Pool, schema: string | undefined) {
    this.pool = pool
    this.#schema = schema === undefined ? '' : `${quoteIdentifier(schema)}.`
    this.#table = this.#schema + table
    this.#skips = this.#schema + skips
  }

  static async prepare (pool: Pool, schema: string | undefined): Promise<void> {
    await prepareTables(pool, {
      part: 'projections',
      schema,
      versions: [[
        `CREATE TABLE ${table} (
          projection text NOT NULL,
          build int NOT NULL,
          version int NOT NULL,
          state text NOT NULL,
          tables text[] NOT NULL,
          position text NOT NULL,
          events bigint NOT NULL DEFAULT 0,
          accept_difference boolean NOT NULL DEFAULT false,
          difference bigint,
          examples jsonb,
          failure jsonb,
          started_at timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (projection, build)
        ) WITH (fillfactor = 50)`,
        `CREATE UNIQUE INDEX plimsoll_projection_live ON ${table} (projection) WHERE state = 'live'`,
        `CREATE UNIQUE INDEX plimsoll_projection_building ON ${table} (projection) WHERE state = 'building'`,
        `CREATE TABLE ${skips} (projection text, event text, PRIMARY KEY (projection, event))`,
      ]],
    })
  }

  /** The quoted name of a build's table. The live one has the table's own. */
  tableName (name: string, build: Pick<Build, 'build' | 'state'>): string {
    return this.#schema + quoteIdentifier(build.state === 'live' ? name : numbered(name, build.build))
  }

  /**
   * @param on the pool by default
   */
  async builds (
    projection: string,
    on: Transaction = this.pool,
    { where = '', lock = '' }: { readonly where?: string; readonly lock?: string } = {}
  ): Promise<readonly Build[]> {
    const { rows } = await on.query<BuildRow>(
      `SELECT projection, build, version, state, tables, position, events, accept_difference, difference, examples, failure,
        (extract(epoch FROM started_at) * 1000)::float8 AS started_ms
      FROM ${this.#table} WHERE projection = $1 ${where} ORDER BY build ${lock}`,
      [projection]
    )
    return rows.map(buildOf)
  }

  async find (projection: string, build: number): Promise<Build | undefined> {
    return (await this.builds(projection)).find((each) => each.build === build)
  }

  /** The places of all live builds. */
  async livePositions (): Promise<ReadonlyMap<string, LogPosition>> {
    const { rows } = await this.pool.query<{ projection: string; position: string }>({
      name: `plimsoll_projection_live_${this.#schema}`.slice(0, 63),
      text: `SELECT projection, position FROM ${this.#table} WHERE state = 'live'`,
    })
    return new Map(rows.map(({ projection, position }) => [projection, parsePosition(position)!]))
  }

  /**
   * Makes the tables of a new build: the live one where there is none, else one beside it. A build of the same version
   * that is under way stays; one of another version, or one that was refused, is dropped.
   *
   * @param from where the log begins
   */
  async begin (projection: Projection, from: LogPosition): Promise<Build> {
    const { name, version, tables } = projection
    return await transaction(this.pool, async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('plimsoll.projection.' || $1, 0))`, [
        name,
      ])
      const builds = await this.builds(name, tx)
      const underWay = builds.find(({ state }) => state === 'building')
      if (underWay?.version === version) return underWay
      const live = builds.find(({ state }) => state === 'live')
      for (const build of builds)
        if (build.state === 'building' || build.state === 'refused') await this.#drop(tx, build)
      const next = {
        build: Math.max(0, ...builds.map(({ build }) => build)) + 1,
        state: live === undefined ? 'live' as const : 'building' as const,
      }
      for (const [own, create] of tables) {
        // Of a database that was cut off while it dropped one.
        if (next.state === 'building') await tx.query(`DROP TABLE IF EXISTS ${this.tableName(own, next)}`)
        for (const statement of create(this.tableName(own, next))) await tx.query(statement)
      }
      await tx.query(
        `INSERT INTO ${this.#table} (projection, build, version, state, tables, position) VALUES ($1, $2, $3, $4, $5, $6)`,
        [name, next.build, version, next.state, [...tables.keys()], formatPosition(from)]
      )
      return (await this.builds(name, tx)).find(({ build }) => build === next.build)!
    })
  }

  /**
   * Moves a build's checkpoint, in the transaction of its rows; first, so that nobody else writes them meanwhile.
   *
   * @throws BuildMovedError when it does not stand at `from` any more, or is no longer written
   */
  async move (
    tx: Transaction,
    build: Build,
    from: LogPosition,
    to: LogPosition,
    events: number
  ): Promise<void> {
    const text = `UPDATE ${this.#table} SET position = $4, events = events + $5, failure = NULL
      WHERE projection = $1 AND build = $2 AND position = $3 AND state = $6`
    const { projection, build: number, state } = build
    const values = [projection, number, formatPosition(from), formatPosition(to), events, state]
    const { rowCount } = await tx.query({
      name: `plimsoll_projection_move_${this.#schema}`.slice(0, 63),
      text,
      values,
    })
    if (rowCount !== 1)
      throw new BuildMovedError(`build ${number} of ${projection} has been moved by somebody else`)
  }

  async fail (build: Build, failure: BuildFailure): Promise<void> {
    await this.pool.query(
      `UPDATE ${this.#table} SET failure = $3 WHERE projection = $1 AND build = $2`,
      [build.projection, build.build, JSON.stringify(failure)]
    )
  }

  async refuse (
    build: Build,
    difference: number,
    examples: Readonly<Record<string, readonly unknown[]>>
  ): Promise<void> {
    await this.pool.query(
      `UPDATE ${this.#table} SET state = 'refused', difference = $3, examples = $4 WHERE projection = $1 AND build = $2`,
      [build.projection, build.build, difference, JSON.stringify(examples)]
    )
  }

  async noteDifference (build: Build, difference: number): Promise<void> {
    await this.pool.query(
      `UPDATE ${this.#table} SET difference = $3 WHERE projection = $1 AND build = $2`,
      [build.projection, build.build, difference]
    )
  }

  /** A build that was refused goes on, and takes its place whatever differs. @returns whether there is one */
  async accept (projection: Projection): Promise<boolean> {
    const { rowCount } = await this.pool.query(
      `UPDATE ${this.#table} SET accept_difference = true, state = 'building'
        WHERE projection = $1 AND version = $2 AND state IN ('refused', 'building')`,
      [projection.name, projection.version]
    )
    return rowCount === 1
  }

  /** In one transaction: who reads the tables by their names reads those of the new build from now on. */
  async replace (tx: Transaction, old: Build, next: Build): Promise<void> {
    for (const name of old.tables)
      await tx.query(
        `ALTER TABLE ${this.tableName(name, old)} RENAME TO ${quoteIdentifier(numbered(name, old.build))}`
      )
    for (const name of next.tables)
      await tx.query(`ALTER TABLE ${this.tableName(name, next)} RENAME TO ${quoteIdentifier(name)}`)
    const set = `UPDATE ${this.#table} SET state = $3 WHERE projection = $1 AND build = $2`
    await tx.query(set, [old.projection, old.build, 'old'])
    await tx.query(set, [next.projection, next.build, 'live'])
  }

  /** Drops what was replaced. @throws when somebody reads it for long, or something depends on it: try again later */
  async dropOld (projection: string): Promise<void> {
    await transaction(this.pool, async (tx) => {
      await tx.query(`SET LOCAL lock_timeout = '2s'`)
      for (
        const build of await this.builds(projection, tx, {
          where: `AND state = 'old'`,
          lock: 'FOR UPDATE SKIP LOCKED',
        })
      )
        await this.#drop(tx, build)
    })
  }

  async #drop (tx: Transaction, build: Build): Promise<void> {
    for (const name of build.tables) await tx.query(`DROP TABLE IF EXISTS ${this.tableName(name, build)}`)
    await tx.query(`DELETE FROM ${this.#table} WHERE projection = $1 AND build = $2`, [
      build.projection,
      build.build,
    ])
  }

  /** Events that a projection leaves out. */
  async skipped (projection: string): Promise<ReadonlySet<string>> {
    const { rows } = await this.pool.query<{ event: string }>(
      `SELECT event FROM ${this.#skips} WHERE projection = $1`,
      [projection]
    )
    return new Set(rows.map(({ event }) => event))
  }

  async skip (projection: string, event: string): Promise<void> {
    await this.pool.query(`INSERT INTO ${this.#skips} VALUES ($1, $2) ON CONFLICT DO NOTHING`, [
      projection,
      event,
    ])
  }
}

function numbered (table: string, build: number): string {
  return `${table}__${build}`
}

function buildOf (row: BuildRow): Build {
  return {
    projection: row.projection,
    build: row.build,
    version: row.version,
    state: row.state,
    tables: row.tables,
    position: parsePosition(row.position)!,
    events: Number(row.events),
    acceptDifference: row.accept_difference,
    difference: row.difference === null ? undefined : Number(row.difference),
    examples: row.examples ?? undefined,
    failure: row.failure ?? undefined,
    startedAtMs: row.started_ms,
  }
}
