import type { Pool } from 'pg'
import { quoteIdentifier } from '../../engines/index.ts'
import { SettingError } from '../../kernel/index.ts'
import type { Service } from '../../serve/service/index.ts'
import { DeadLetters } from '../../work/jobs/dead/index.ts'
import { deadTables } from '../../work/jobs/failure/index.ts'
import { pgBossJobStore } from '../../work/jobs/pg-boss/index.ts'
import { type JobStore, postgresJobStore } from '../../work/jobs/store/index.ts'
import type { Arguments } from '../command.ts'
import { UsageError } from '../errors.ts'
import { withServiceDatabase } from '../service-database.ts'
import type { Surroundings } from '../surroundings.ts'
import { NoJobTablesError } from './errors.ts'

/** The jobs of a service, without the service. */
export interface JobsAccess {
  readonly pool: Pool
  readonly schema: string
  readonly store: JobStore
  readonly letters: DeadLetters
}

/** Connects to the database of the settings and gives its jobs to `work`; closes all of it again. */
export async function withJobs<Result> (
  given: Arguments,
  surroundings: Surroundings,
  progress: (message: string) => void,
  work: (jobs: JobsAccess) => Promise<Result>
): Promise<Result> {
  return await withServiceDatabase(given, surroundings, {
    command: 'jobs',
    kept: 'jobs',
    progress,
    needsDefinitions: false,
  }, async ({ pool, schema, service }) => {
    await using store = await storeOf(pool, schema, given)
    await store.prepare()
    const letters = new DeadLetters({ pool, schema, checkPayload: checkOf(service) })
    return await work({ pool, schema, store, letters })
  })
}

/** The store whose tables are there; nothing is made for one that is not in use. */
async function storeOf (pool: Pool, schema: string, { options }: Arguments): Promise<JobStore> {
  const tables = [
    deadTables(schema).letters,
    ...['plimsoll_job', 'plimsoll_boss_lease'].map((name) => `${quoteIdentifier(schema)}.${name}`),
  ]
  const { rows: [found] } = await pool.query<{ there: readonly boolean[] }>(
    'SELECT array_agg(to_regclass(name) IS NOT NULL ORDER BY at) AS there FROM unnest($1::text[]) WITH ORDINALITY AS t (name, at)',
    [tables]
  )
  const [letters = false, ours = false, boss = false] = found?.there ?? []
  if (!letters || !(ours || boss)) throw new NoJobTablesError(schema)
  const asked = options['store']
  if (asked === undefined && ours && boss)
    throw new UsageError('jobs are, or were, in two stores: say --store postgres or --store pg-boss')
  if (asked !== undefined && asked !== 'postgres' && asked !== 'pg-boss')
    throw new SettingError('--store', 'postgres or pg-boss', asked)
  return (asked ?? (ours ? 'postgres' : 'pg-boss')) === 'postgres' ?
    postgresJobStore({ pool, schema }) :
    pgBossJobStore({ pool, schema })
}

/** What the job's own schema says of a payload. */
function checkOf (service: Service | undefined) {
  return (name: string, payload: unknown): string | undefined => {
    const { jobs = [] } = service ?? {}
    const job = jobs.find((each) => each.name === name)
    try {
      job?.write(payload)
    } catch (error) {
      return (error as Error).message
    }
    return undefined
  }
}
