import { sleep, systemClock } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { openLeases } from '../../work/lease/index.ts'
import { openProjections, ProjectionDifferenceError, type Rebuilt } from '../../work/projections/index.ts'
import { InterruptedError } from '../errors.ts'
import type { EventsAccess } from './access.ts'
import type { RebuildRequest } from './arguments.ts'
import { BuildProgress } from './build-progress.ts'
import { NoSuchReaderError } from './errors.ts'

/** How a rebuild ended. */
export type RebuildResult =
  | ({ readonly state: 'live' } & Rebuilt)
  | {
    readonly state: 'refused'
    readonly difference: number
    readonly examples: Readonly<Record<string, readonly unknown[]>>
  }
  | { readonly state: 'interrupted' }

export interface RebuildWatch {
  readonly signal: AbortSignal
  readonly progress: (message: string) => void
}

const lookMs = 500

/**
 * Has a projection of the service built anew by its workers, and waits for that.
 *
 * @throws NoSuchReaderError, ProjectionLogCutError
 */
export async function rebuild (
  { projection: name, acceptDifference, operator }: RebuildRequest,
  access: EventsAccess,
  { signal, progress }: RebuildWatch
): Promise<RebuildResult> {
  const { pool, schema, outbox, desk, service } = access
  const projection = service?.projections?.find((each) => each.name === name)
  if (projection === undefined) {
    const known = service?.projections?.map((each) => each.name) ?? []
    throw new NoSuchReaderError('projection', name, known, 'service')
  }
  await using leases = await openLeases({ pool, schema })
  await using projections = await openProjections({
    pool,
    schema,
    projections: [projection],
    log: outbox,
    leases,
    registry: new MetricsRegistry(),
  })
  await desk.audit.prepare()
  const watch = new AbortController()
  const watching = tell(name, access, progress, watch.signal)
  try {
    return await desk.audit.during<RebuildResult>(
      {
        ...operator,
        action: 'rebuild',
        reader: `projection ${name}`,
        subject: acceptDifference ? 'accept difference' : undefined,
      },
      () => ended(projections.rebuild(name, { acceptDifference, signal })),
      (result) =>
        result.state === 'live' ?
          `build ${result.build} is live` :
          result.state === 'refused' ?
          `refused: it differs by ${result.difference} rows` :
          'nobody waited for its end'
    )
  } finally {
    watch.abort()
    await watching
  }
}

async function ended (rebuilt: Promise<Rebuilt>): Promise<RebuildResult> {
  try {
    return { state: 'live', ...await rebuilt }
  } catch (error) {
    if (error instanceof InterruptedError) return { state: 'interrupted' }
    if (!(error instanceof ProjectionDifferenceError)) throw error
    const { difference, examples } = error
    return { state: 'refused', difference, examples }
  }
}

/** Tells how far the new build is, until the signal aborts. */
async function tell (
  name: string,
  { desk }: EventsAccess,
  progress: (message: string) => void,
  signal: AbortSignal
): Promise<void> {
  const told = new BuildProgress()
  while (!signal.aborted) {
    // A look that fails says nothing: the rebuild itself tells what is wrong.
    const builds = await desk.builds().catch(() => [])
    const build = builds.findLast(({ projection, state }) => projection === name && state === 'building')
    if (build !== undefined && !signal.aborted) progress(told.line(build, systemClock.now()))
    await sleep(systemClock, lookMs, signal).catch(() => {})
  }
}
