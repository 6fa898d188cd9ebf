import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { splitStatements } from '../../data/index.ts'
import type { PlantedTables } from '../../data/plans/index.ts'
import { SettingError } from '../../kernel/index.ts'
import type { Arguments } from '../command.ts'
import { UsageError } from '../errors.ts'
import type { Surroundings } from '../surroundings.ts'

/** What `plimsoll plans` is to do. */
export interface PlansRequest {
  /** URLs to GET; `undefined` for each GET route. */
  readonly urls: readonly string[] | undefined
  /** Texts to review in place of what routes send. */
  readonly statements: readonly string[] | undefined
  /** The file of plans, as it was named; `undefined` for none. */
  readonly file: string | undefined
  readonly write: boolean
  readonly assume: PlantedTables | undefined
  readonly prove: boolean
}

const help = 'plimsoll plans --help'

/**
 * Reads the command line of `plimsoll plans`.
 *
 * @throws UsageError for what contradicts or is not there, SettingError for a value that breaks its rule
 */
export function readPlansArguments ({ options }: Arguments, { directory }: Surroundings): PlansRequest {
  const { routes, statements, check, write, assume, prove } = options
  if (routes !== undefined && statements !== undefined) {
    throw new UsageError('--routes and --statements are two sources of statements; say one', help)
  }
  return {
    urls: routes === undefined ? undefined : itemsOf(routes).map(urlOf),
    statements: statements === undefined ? undefined : statementsIn(String(statements), directory),
    file: check !== undefined ? String(check) : write === true ? 'plans.json' : undefined,
    write: write === true,
    assume: assume === undefined ? undefined : Object.fromEntries(itemsOf(assume).map(tableOf)),
    prove: prove === true,
  }
}

/** A comma separates, unless it is part of a URL that goes on after it. */
function itemsOf (given: unknown): readonly string[] {
  const texts = Array.isArray(given) ? given : [given]
  return texts.flatMap((text) => String(text).split(/,(?=\s*(?:GET\s|\/|(?:"[^"]+"|[\w.])+=))/)).map((item) =>
    item.trim()
  )
}

function urlOf (item: string): string {
  const [, url] = /^(?:GET\s+)?(\/\S*)$/.exec(item) ?? []
  if (url !== undefined) return url
  throw new SettingError('--routes', 'GET requests such as "GET /products/1,GET /products?limit=5"', item)
}

function tableOf (item: string): [name: string, table: { readonly rows: number }] {
  const [, name, rows] = /^((?:"[^"]+"|[\w.])+)=(\d+(?:e\d)?)$/i.exec(item) ?? []
  if (name !== undefined && Number(rows) >= 1) return [name, { rows: Number(rows) }]
  throw new SettingError('--assume', 'tables with their rows, such as "product=1e6,shop.order=50000"', item)
}

function statementsIn (file: string, directory: string): readonly string[] {
  try {
    return splitStatements(readFileSync(resolve(directory, file), 'utf8')).map(({ text }) => text)
  } catch (error) {
    throw new UsageError(`--statements ${file} cannot be read: ${(error as Error).message}`)
  }
}
