import type { LocalClient } from '../../../engines/index.ts'
import { LocalLedger } from './local-ledger.ts'
import { resolveSharedStoreOptions, type SharedStoreOptions } from './options.ts'
import { SharedStore } from './shared-store.ts'

export interface LocalStoreOptions extends SharedStoreOptions {
  /** What `localEngine().connect()` gave; yours to close. */
  readonly client: LocalClient
  /** Names the limits of one service: stores with the same prefix share them. @default 'limit' */
  readonly prefix?: string
}

/**
 * Limits that all workers of this machine share through the supervisor, without Redis. See {@link SharedStore}
 * for leases and bounds, {@link LocalLedger} for what is kept.
 *
 * @throws SettingError for an option out of its range
 */
export function localStore (options: LocalStoreOptions): SharedStore {
  const { client, prefix = 'limit' } = options
  const resolved = resolveSharedStoreOptions(options)
  return new SharedStore(new LocalLedger({ ...resolved, client, prefix }), resolved)
}
