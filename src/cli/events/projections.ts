import type { BuildRecord } from '../../work/events-desk/index.ts'
import type { EventsAccess } from './access.ts'

/** A build, with what its definition promises where that is known. */
export interface ProjectionBuild extends BuildRecord {
  /** How old the first event is that it has not applied; 0 without one, `undefined` where that event was dropped. */
  readonly lagMs: number | undefined
  /** How far it may be behind; `undefined` where the definition is not known. */
  readonly objectiveMs: number | undefined
}

export async function buildsOf ({ desk, service }: EventsAccess): Promise<readonly ProjectionBuild[]> {
  const objectives = new Map(service?.projections?.map(({ name, lagMs }) => [name, lagMs]))
  return (await desk.builds()).map((build) => ({ ...build, objectiveMs: objectives.get(build.projection) }))
}
