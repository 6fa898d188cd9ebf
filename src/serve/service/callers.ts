import type { ReplayStore } from '../../protect/verify/index.ts'
import type { PipelineOptions } from '../pipeline/index.ts'

/** As the request path takes them. */
export type PathCallers = Pick<
  PipelineOptions,
  'tenantOf' | 'planOf' | 'apiKeyOf' | 'userOf' | 'plans' | 'signatures' | 'agents' | 'bots'
>

type Replaying<Options> = Omit<Options, 'replay'> & {
  /**
   * Remembers nonces, so that a signature counts once: `'shared'` for all machines, in the Redis of a service that
   * declares it, else for all workers of the machine; or a store of your own. @default none: a signature can be used
   * again until it is too old
   */
  readonly replay?: ReplayStore | 'shared'
}

/** Who calls a service, and what they may. */
export interface ServiceCallers extends Omit<PathCallers, 'signatures' | 'agents'> {
  readonly signatures?: Replaying<NonNullable<PathCallers['signatures']>>
  readonly agents?: Replaying<NonNullable<PathCallers['agents']>>
}
