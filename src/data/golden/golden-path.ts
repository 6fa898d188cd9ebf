import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Pool } from 'pg'
import { comparePlans, type Plans, planText, reviewStatements } from '../plans/index.ts'
import {
  captureCallSite,
  type Finding,
  placeOf,
  type RecordedStatement,
  recordStatements,
} from '../watch/index.ts'
import { GoldenPathError } from './errors.ts'
import { type GoldenRecord, readGolden, writeGolden } from './golden-file.ts'

/** An app that can be asked without a socket. */
export type GoldenApp = Pick<FastifyInstance, 'inject'> & { readonly data?: Pool }

export interface GoldenPathOptions {
  /** Asked for plans. @default `app.data` */
  readonly pool?: Pool
  /** What the path is called in the file, where the URL alone does not name it. @default e.g. `GET /products/1` */
  readonly name?: string
  /** The file of what is right. @default beside the test: `orders.golden.json` for `orders.test.ts` */
  readonly file?: string | URL
}

/** A number, or no more than one. */
export type Bound = number | { readonly max: number }

/** What a request is expected to do; what is not named is not looked at. */
export interface GoldenExpectation {
  readonly status?: number
  /** Statements that read or write rows. */
  readonly queries?: Bound
  /** Rows that they read or changed, together. */
  readonly rows?: Bound
  /** Of the response's body. */
  readonly bytes?: Bound
  /**
   * `snapshot`: the statements and what the planner decides for them are those of the file. With
   * `PLIMSOLL_UPDATE_GOLDEN=1` in the environment the file is written instead.
   */
  readonly plan?: 'snapshot'
  /** Whether a statement may be sent again and again. @default false */
  readonly repeats?: boolean
}

/** What a request did. */
export interface GoldenPath {
  readonly response: LightMyRequestResponse
  /** How many statements read or wrote rows. */
  readonly queries: number
  /** All that were sent, BEGIN and the like included. */
  readonly statements: readonly RecordedStatement[]
  readonly rows: number
  readonly bytes: number
  /** Statements that were sent again and again. */
  readonly findings: readonly Finding[]
  /** What the planner decides for each statement. */
  plans(): Promise<Plans>
  /** @throws GoldenPathError that says all in which the request differs, and from which line it comes */
  expect(expected: GoldenExpectation): Promise<void>
}

/** Set to anything but the empty text, it makes `plan: 'snapshot'` write. */
const updateVariable = 'PLIMSOLL_UPDATE_GOLDEN'

/**
 * Sends one request to an app, and hears of all that it asks of the database: for tests that fail when a route's
 * statements, bytes or plans drift. The app's pool must have a `statementWatch`.
 *
 * @throws NotWatchedError when no pool is watched
 */
export async function goldenPath (
  app: GoldenApp,
  request: string | InjectOptions,
  options: GoldenPathOptions = {}
): Promise<GoldenPath> {
  const { pool = app.data, name = nameOf(request), file = fileBeside(captureCallSite()?.file) } = options
  // Awaited inside, since it is sent when it is first awaited.
  const { result: response, statements, findings } = await recordStatements(async () =>
    await app.inject(request)
  )
  const queries = statements.filter(({ isQuery }) => isQuery)
  const [rows, bytes] = [rowsOf(queries), response.rawPayload.length]

  async function plans (): Promise<Plans> {
    if (pool === undefined) throw new TypeError('goldenPath: to see plans, pass the pool: { pool }')
    return (await reviewStatements(pool, queries.map(({ text }) => text))).plans
  }

  async function compare (): Promise<readonly string[]> {
    if (file === undefined) throw new TypeError('goldenPath: say which file holds what is right: { file }')
    const record = recordOf(queries, await plans())
    const path = file instanceof URL ? fileURLToPath(file) : file
    if ((process.env[updateVariable] ?? '') !== '') {
      await writeGolden(path, name, record)
      return []
    }
    const right = await readGolden(path, name)
    if (right === undefined) {
      return [`${path} does not have it; where it is right now, write it with ${updateVariable}=1`]
    }
    return driftsOf(right, record, queries)
  }

  return {
    response,
    queries: queries.length,
    statements,
    rows,
    bytes,
    findings,
    plans,
    async expect ({ status, queries: count, rows: most, bytes: size, plan, repeats = false }) {
      const { statusCode, body } = response
      const drifts = [
        ...status === undefined || status === statusCode ?
          [] :
          [`status: expected ${status}, got ${statusCode}: ${body.slice(0, 500)}`],
        ...misses('queries', count, queries.length, queries.map(lineOf)),
        ...misses(
          'rows',
          most,
          rows,
          queries.map((query) => `${query.outcome?.rowCount ?? 0} by ${lineOf(query)}`)
        ),
        ...misses('bytes', size, bytes),
        ...repeats ? [] : findings.filter(({ kind }) => kind === 'n+1').map(({ message }) => message),
        ...plan === undefined ? [] : await compare(),
      ]
      if (drifts.length > 0) throw new GoldenPathError(name, drifts)
    },
  }
}

function rowsOf (queries: readonly RecordedStatement[]): number {
  return queries.reduce((sum, { outcome }) => sum + (outcome?.rowCount ?? 0), 0)
}

function misses (
  what: string,
  bound: Bound | undefined,
  actual: number,
  lines: readonly string[] = []
): readonly string[] {
  if (bound === undefined) return []
  const [most, isExact] = typeof bound === 'number' ? [bound, true] : [bound.max, false]
  if (isExact ? actual === most : actual <= most) return []
  return [[`${what}: expected ${isExact ? '' : 'at most '}${most}, got ${actual}`, ...lines].join('\n')]
}

function recordOf (queries: readonly RecordedStatement[], plans: Plans): GoldenRecord {
  const record: Record<string, GoldenRecord[string]> = {}
  for (const { fingerprint } of queries) {
    const plan = plans[fingerprint]
    const count = (record[fingerprint]?.count ?? 0) + 1
    record[fingerprint] = plan === undefined ? { count } : { count, plan }
  }
  return record
}

function driftsOf (
  right: GoldenRecord,
  now: GoldenRecord,
  queries: readonly RecordedStatement[]
): readonly string[] {
  const drifts: string[] = []
  for (const [statement, { count, plan = [] }] of Object.entries(now)) {
    const from = placeOf(queries.find(({ fingerprint }) => fingerprint === statement)?.site)
    const known = Object.hasOwn(right, statement) ? right[statement] : undefined
    if (known === undefined) {
      drifts.push([`new statement from ${from}: ${statement}`, ...planText(plan)].join('\n'))
      continue
    }
    if (known.count !== count) {
      drifts.push(`sent ${count} times, was ${known.count}, from ${from}: ${statement}`)
    }
    const changes = comparePlans(known.plan ?? [], plan)
    if (changes.length > 0) drifts.push([`another plan from ${from}: ${statement}`, ...changes].join('\n'))
  }
  for (const statement of Object.keys(right)) {
    if (!Object.hasOwn(now, statement)) drifts.push(`no longer sent: ${statement}`)
  }
  return drifts
}

function lineOf ({ fingerprint, site }: RecordedStatement): string {
  return `${placeOf(site)}: ${fingerprint}`
}

function nameOf (request: string | InjectOptions): string {
  if (typeof request === 'string') return `GET ${request}`
  const { method = 'GET', url = '', path = url } = request as InjectOptions & { readonly path?: string }
  return `${method.toUpperCase()} ${typeof path === 'string' ? path : path.pathname}`
}

function fileBeside (test: string | undefined): string | undefined {
  return test === undefined ? undefined : resolve(test.replace(/(?:\.test)?\.[cm]?[jt]sx?$/, '.golden.json'))
}
