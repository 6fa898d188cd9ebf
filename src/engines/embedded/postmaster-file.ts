import { link, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../kernel/index.ts'
import { systemCode } from './errors.ts'

/** What a running server writes down in its data directory. */
export interface PostmasterFile {
  readonly pid: number
  readonly port: number
  /** Empty where the server has no UNIX socket. */
  readonly socketFolder: string
  readonly status: 'starting' | 'stopping' | 'ready' | 'standby' | 'unknown'
}

export const postmasterFileOf = (data: string): string => join(data, 'postmaster.pid')

/** @returns undefined when there is none, or it is not complete yet */
export async function readPostmasterFile (data: string): Promise<PostmasterFile | undefined> {
  return readLockFile(postmasterFileOf(data))
}

/** The lock file beside a socket begins as `postmaster.pid` does, and ends sooner. */
export async function readLockFile (file: string): Promise<PostmasterFile | undefined> {
  try {
    return parsePostmasterFile(await readFile(file, 'utf8'))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** @see https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/utils/pidfile.h */
export function parsePostmasterFile (text: string): PostmasterFile | undefined {
  const lines = text.split('\n').map((line) => line.trim())
  const pid = Math.abs(Number(lines[0]))
  if (!Number.isInteger(pid) || pid === 0) return undefined
  return { pid, port: Number(lines[3] ?? 0), socketFolder: lines[4] ?? '', status: statusOf(lines[7]) }
}

function statusOf (line: string | undefined): PostmasterFile['status'] {
  return line === 'starting' || line === 'stopping' || line === 'ready' || line === 'standby' ?
    line :
    'unknown'
}

/**
 * Removes a lock file that a dead server left, if it still names `pid`: another process may have started a
 * server since we looked. The server itself would refuse to start where its old id is taken, be it by a
 * stranger, or by its own remains that nobody has collected yet.
 */
export async function removeStaleFile (file: string, pid: number): Promise<void> {
  const aside = `${file}.stale.${process.pid}`
  try {
    await rename(file, aside)
    const moved = parsePostmasterFile(await readFile(aside, 'utf8'))
    if (moved !== undefined && moved.pid !== pid) await link(aside, file)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'EEXIST') throw error
  } finally {
    await rm(aside, { force: true })
  }
}

/** A server that starts fills its file in the moment in which it makes it. */
const emptyLimitMs = 2_000

/** Removes a file that a server left empty when it was killed; one that may still be filled is left alone. */
export async function removeEmptyFile (file: string, clock: Clock): Promise<void> {
  const found = await stat(file).catch(() => undefined)
  if (found?.size !== 0 || clock.epochMs() - found.mtimeMs < emptyLimitMs) return
  await rm(file, { force: true })
}
