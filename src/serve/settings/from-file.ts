import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ConfigFileError, PlacedSettingError } from './errors.ts'
import type { Given } from './given.ts'
import { nearest } from './nearest.ts'
import { findSpec, settingKeys } from './specs.ts'

const fileNames = ['ts', 'mts', 'js', 'mjs'].map((extension) => `plimsoll.config.${extension}`)

/**
 * Finds the config file of a directory.
 *
 * @returns `undefined` when there is none
 * @throws ConfigFileError when there are several, because nobody could say which one counts
 */
export function findConfigFile (directory: string): URL | undefined {
  const found = fileNames.map((name) => resolve(directory, name)).filter((file) => existsSync(file))
  const [first, second] = found
  if (first === undefined) return undefined
  if (second === undefined) return pathToFileURL(first)
  throw new ConfigFileError(basename(first), `and ${basename(second)} are both there; remove one of them`)
}

// Node keeps each module it has loaded for good; another query string makes it another module.
let loads = 0

/**
 * What the config file says. It is loaded anew at each call; modules that it imports are not.
 *
 * @throws ConfigFileError when it cannot be loaded, or its default export is not an object
 */
export async function givenByFile (url: URL): Promise<{ given: Given[]; errors: PlacedSettingError[] }> {
  const place = relative('', fileURLToPath(url))
  const config = await load(url, place)
  const given: Given[] = []
  const errors: PlacedSettingError[] = []
  for (const [path, data] of entries(config)) {
    const spec = findSpec(path)
    if (spec === undefined) errors.push(unknownKey(path, data, place))
    else given.push({ spec, data, origin: 'file', place })
  }
  return { given, errors }
}

async function load (url: URL, place: string): Promise<Record<string, unknown>> {
  const fresh = new URL(url)
  fresh.search = `?load=${++loads}`
  // A CommonJS file is kept by its path, whatever the query.
  delete createRequire(url).cache[fileURLToPath(url)]
  let loaded: { readonly default?: unknown }
  try {
    loaded = await import(fresh.href)
  } catch (cause) {
    if (!existsSync(url)) throw new ConfigFileError(place, 'does not exist', { cause })
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigFileError(`${place}${lineIn(cause, url)}`, `cannot be loaded: ${message}`, { cause })
  }
  if (isSection(loaded.default)) return loaded.default
  throw new ConfigFileError(place, 'must export an object by default: export default defineConfig({ ... })')
}

/** The line of the file at which an error arose, as `:LINE`; empty when its stack does not tell. */
function lineIn (error: unknown, file: URL): string {
  const [, ...parts] = error instanceof Error ? (error.stack ?? '').split(fileURLToPath(file)) : []
  return parts.map((part) => /^(?:\?load=\d+)?(:\d+)/.exec(part)?.[1]).find((line) => line !== undefined) ??
    ''
}

/** Settings of a config as pairs of name and data; what is `undefined` is not there. */
function entries (config: Record<string, unknown>): [path: string, data: unknown][] {
  return Object.entries(config).flatMap(([name, data]): [string, unknown][] => {
    if (data === undefined) return []
    if (findSpec(name) !== undefined || !isSectionName(name) || !isSection(data)) return [[name, data]]
    return Object.entries(data).flatMap(([key, inner]): [string, unknown][] =>
      inner === undefined ? [] : [[`${name}.${key}`, inner]]
    )
  })
}

function isSectionName (name: string): boolean {
  return settingKeys.some((key) => key.startsWith(`${name}.`))
}

function isSection (data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null && !Array.isArray(data)
}

function unknownKey (path: string, value: unknown, place: string): PlacedSettingError {
  const inside = settingKeys.filter((key) => key.startsWith(`${path}.`))
  const meant = nearest(path, settingKeys) ??
    nearest(path, settingKeys.map((key) => key.split('.')[0] ?? key))
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`
  return new PlacedSettingError({
    setting: path,
    rule: inside.length > 0 ? `an object with ${inside.join(', ')}` : 'a setting that exists',
    value,
    place,
    ...(inside.length === 0 && { message: `${path} is not a setting${hint}` }),
  })
}
