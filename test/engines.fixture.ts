import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'

/**
 * Finds a real engine that a test needs as a command on this machine.
 *
 * Where it is missing the test is skipped, and the run's closing summary says so together with how to
 * get it. With `PLIMSOLL_REQUIRE_ENGINES=1` (continuous integration) it fails instead.
 *
 *     const redis = requireEngine(t, 'redis-server', 'apt-get install redis-server')
 *     if (redis === undefined) return
 *
 * @param command the program's name, looked up in PATH
 * @param install what a person runs to get it
 * @returns the program's path; `undefined` when the test has been skipped
 */
export function requireEngine (t: TestContext, command: string, install: string): string | undefined {
  const path = findCommand(command)
  if (path !== undefined) return path
  const reason = `${command} is not installed (${install})`
  if (process.env['PLIMSOLL_REQUIRE_ENGINES'] === '1') throw new Error(`${reason}, and this run requires it`)
  t.skip(reason)
  return undefined
}

function findCommand (command: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, command)).find(isExecutable)
}

function isExecutable (file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
