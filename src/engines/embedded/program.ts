import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { EmbeddedUnavailableError, systemCode } from './errors.ts'
import type { Place } from './place.ts'

/**
 * Runs one of PostgreSQL's programs as the server's user, with an environment of its own: a PGPORT or PGDATA
 * of the developer's must not reach it, nor a locale that it does not know.
 *
 * @param output where stdout and stderr go: a file descriptor, or `pipe`
 * @param detached in a process group of its own, so that Ctrl-C in the terminal does not reach it
 * @throws EmbeddedUnavailableError when it cannot be run at all
 */
export async function runProgram (
  program: 'initdb' | 'postgres',
  args: readonly string[],
  place: Place,
  output: number | 'pipe',
  detached = false
): Promise<ChildProcess> {
  const file = join(place.native, 'bin', program)
  const child = spawn(file, args, {
    cwd: place.home,
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', output, output],
    detached,
    windowsHide: true,
    ...place.user,
  })
  try {
    await once(child, 'spawn')
  } catch (error) {
    throw new EmbeddedUnavailableError(explainSpawn(file, error), error)
  }
  return child
}

function explainSpawn (file: string, error: unknown): string {
  const code = systemCode(error)
  if (code === 'ENOENT') {
    return `${file} does not run on this system's C library (the binaries need glibc; Alpine has musl)`
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return `${file} may not be run (${code}); check its mode, and that its file system is not mounted noexec`
  }
  return `${file} does not start: ${error instanceof Error ? error.message : String(error)}`
}
