import type { Redis } from 'ioredis'
import { EngineMissingError } from '../errors.ts'

/** What is used of the package. */
export interface Ioredis {
  readonly Redis: typeof Redis
}

/**
 * Loads the client, which only those install who use Redis.
 *
 * @throws EngineMissingError when it is not installed
 */
export async function loadIoredis (load: () => Promise<Ioredis> = () => import('ioredis')): Promise<Ioredis> {
  try {
    return await load()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error
    throw new EngineMissingError('redis', 'ioredis', error)
  }
}
