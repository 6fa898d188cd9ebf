import type { CursorKeys, GovernedPool, Reads, StatementObserver } from '../../data/index.ts'
import { postgresEngine } from '../../engines/index.ts'
import { SettingError } from '../../kernel/index.ts'
import { connectWhenUp } from './connect-when-up.ts'
import type { ServiceEnvironment } from './environment.ts'
import { derivedSecret, secretsOf } from './secrets.ts'
import type { ServiceDatabase } from './service.ts'

export interface OpenDatabase {
  readonly data: GovernedPool
  readonly reads: Reads
  readonly cursors: CursorKeys
}

/** Connections of a worker, where the database has enough of them. */
const usualPoolSize = 10

/**
 * Connects a service to its database, as soon as that is up, and applies its migrations.
 *
 * @throws SettingError for a setting that the service needs, and for pools that do not fit into the database; what the
 *   engine or a migration throws
 */
export async function openDatabase (
  name: string,
  { schema, migrations, seed }: ServiceDatabase,
  environment: ServiceEnvironment
): Promise<OpenDatabase> {
  const { settings, telemetry: { registry, logger }, health, lifecycle, local, onProgress } = environment
  const { url, poolSize, seed: seeding, machines, watch, replicas, maxLag } = settings.database
  const { wait: waitMs, statementTimeouts, preparedStatements } = settings.database
  if (url === undefined || url === 'embedded') {
    const rule = `the URL of a PostgreSQL, since the service "${name}" declares a database ` +
      '(or "embedded", which `plimsoll dev` and `plimsoll serve` start for you)'
    throw new SettingError('database.url', rule, url)
  }
  const engine = postgresEngine({
    url,
    poolSize: poolSize === 'auto' ? usualPoolSize : poolSize,
    schema,
    applicationName: `plimsoll ${name}`,
  })
  await lifecycle.start({ name: 'postgres', close: () => engine.close() })
  const pool = await connectWhenUp(engine, environment)
  // Loaded by services with a database, so that the others start without it.
  const { checkPoolBudget, cursorKeys, governPool, migrate, openReads, statementWatch, WriteNotes } =
    await import(
      '../../data/index.ts'
    )
  const fleet = { replicas: machines, workers: settings.workers === 'auto' ? 1 : settings.workers }
  // A pool of one fits wherever any does, and its budget says how large it may be.
  if (poolSize === 'auto') pool.options.max = 1
  const { largestPoolSize, pooled } = await checkPoolBudget(pool, fleet)
  if (poolSize === 'auto') {
    pool.options.max = pooled ? usualPoolSize : Math.min(usualPoolSize, largestPoolSize)
    if (pool.options.max < usualPoolSize)
      logger.warn(
        { poolSize: pool.options.max },
        'the database has few connections for all workers: their pools are smaller than usual'
      )
  }
  onProgress('applying migrations')
  await migrate({
    pool,
    schema,
    directory: migrations,
    ...(seed !== undefined && seeding === 'always' ? { seed } : {}),
    onProgress: ({ done, total, name }) => onProgress(`migration ${name}`, total === 0 ? 1 : done / total),
  })
  health.addCheck({ name: 'postgres', run: (signal) => engine.check(signal) })
  const secrets = await secretsOf(settings, local)
  const notes = new WriteNotes()
  const observer = statementWatch({ mode: watch, registry, logger })
  const observers: readonly StatementObserver[] = replicas.length === 0 ? [observer] : [observer, notes]
  const reserves = { interactive: reserveOf(settings, pool.options.max) }
  const governed = { waitMs, statementTimeouts, preparedStatements, reserves }
  const data = governPool(pool, { ...governed, registry, observers })
  const reads = await openReads({
    primary: data,
    notes,
    schema,
    registry,
    maxLag,
    replicas: replicas.map((target, at) => ({ name: `replica-${at + 1}`, url: target })),
    secrets: secrets.map((secret) => derivedSecret(secret, 'consistency')),
    poolOptions: { ...governed, observers: [observer] },
  })
  await lifecycle.start({ name: 'reads', close: () => reads.close() })
  return { data, reads, cursors: cursorKeys(secrets.map((secret) => derivedSecret(secret, 'cursors'))) }
}

/** What jobs and other background work leave alone, so that requests and the upkeep of leases never wait for them. */
function reserveOf (
  { role, database: { reserve } }: ServiceEnvironment['settings'],
  poolSize: number
): number {
  if (reserve === 'auto') return Math.min(role === 'work' ? 1 : Math.floor(poolSize / 3), poolSize - 1)
  if (reserve >= poolSize) {
    throw new SettingError(
      'database.reserve',
      `below the ${poolSize} connections of the pool, so that background work gets one`,
      reserve
    )
  }
  return reserve
}
