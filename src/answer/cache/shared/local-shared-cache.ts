import type { LocalClient } from '../../../engines/index.ts'
import { type Bytes, parseBytes } from '../../../kernel/index.ts'
import type { SharedCache } from '../shared-cache.ts'
import { FleetCache } from './fleet-cache.ts'
import { fleetCounts } from './fleet-counts.ts'
import { FleetFlights } from './fleet-flights.ts'
import { FleetPurges } from './fleet-purges.ts'
import { Link } from './link.ts'
import { LocalFlightBoard } from './local-flight-board.ts'
import { LocalPurgeLog } from './local-purge-log.ts'
import { type FleetOptions, resolveFleetOptions } from './options.ts'

export interface LocalSharedCacheOptions extends FleetOptions {
  /** The client of the local engine; yours to close, after the cache. */
  readonly client: LocalClient
  /**
   * The largest value that one worker hands to those who wait for it; of a larger one each makes its own.
   * @default '1MiB'
   */
  readonly maxHandover?: Bytes
}

/**
 * Flights and purges for the workers of one machine, through their supervisor. Entries are in the workers' own memory:
 * there is none below it.
 *
 * @throws SettingError for an option out of its range
 */
export function localSharedCache (options: LocalSharedCacheOptions): SharedCache {
  const { client } = options
  const { prefix, member, membershipMs, timeoutMs, clock, registry, onOutage } = resolveFleetOptions(options)
  const maxBytes = parseBytes(options.maxHandover ?? '1MiB', 'cache.maxHandover')
  const counts = fleetCounts('local', registry)
  const link = new Link({
    store: 'local',
    clock,
    timeoutMs,
    counts,
    onOutage,
    reachable: () => true,
    onDoubt: () => void purges.sync(),
  })
  const purges = new FleetPurges({
    log: new LocalPurgeLog({ client, prefix, member, membershipMs, clock }),
    link,
    clock,
    counts,
    membershipMs,
  })
  const board = new LocalFlightBoard({ client, prefix, maxBytes })
  const flights = new FleetFlights({ board, link, clock, counts, member, giveUpMs: membershipMs })
  return new FleetCache({ entries: undefined, flights, purges, link, counts, timeoutMs, release: () => {} })
}
