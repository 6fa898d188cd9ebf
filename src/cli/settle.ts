import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { findConfigFile, type Mode, type ResolvedSettings, resolveSettings } from '../serve/settings/index.ts'
import type { Arguments } from './command.ts'
import { UsageError } from './errors.ts'
import type { Surroundings } from './surroundings.ts'

/** Settles the settings of a command line; called again, it reads the config file anew. */
export async function settle (
  { settings: flags, options }: Arguments,
  { env, directory }: Surroundings,
  mode: Mode
): Promise<ResolvedSettings> {
  const { config } = options
  const configFile = typeof config === 'string' ?
    pathToFileURL(resolve(directory, config)) :
    findConfigFile(directory)
  return resolveSettings({ flags, env, configFile, mode })
}

const usualNames = ['service.ts', 'service.js', 'app.ts', 'app.js']

/**
 * The module to serve: the operand, or else the only one of `service.ts`, `service.js`, `app.ts` and `app.js`
 * that is there.
 *
 * @throws UsageError when it is not there, or not clear which one is meant
 */
export function findModule ({ operand }: Arguments, { directory }: Surroundings): URL {
  if (operand !== undefined) {
    const path = resolve(directory, operand)
    if (existsSync(path)) return pathToFileURL(path)
    throw new UsageError(`there is no module ${operand} (looked for ${path})`)
  }
  const found = usualNames.filter((name) => existsSync(resolve(directory, name)))
  if (found.length === 1) return pathToFileURL(resolve(directory, found.join('')))
  const why = found.length === 0 ?
    `there is no ${usualNames.join(', ')} here` :
    `there are ${found.join(' and ')}`
  throw new UsageError(`say which module to serve (${why})`)
}
