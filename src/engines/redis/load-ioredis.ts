import type { Redis } from 'ioredis'
import { loadPackage } from '../load-package.ts'

/** What is used of the package. */
export interface Ioredis {
  readonly Redis: typeof Redis
}

/**
 * Loads the client, which only those install who use Redis.
 *
 * @throws EngineMissingError when it is not installed
 */
export function loadIoredis (load: () => Promise<Ioredis> = () => import('ioredis')): Promise<Ioredis> {
  return loadPackage('redis', 'ioredis', load)
}
