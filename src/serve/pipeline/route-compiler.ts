import type { preParsingAsyncHookHandler, RouteOptions } from 'fastify'
import { finishRoute, type PayloadCommons, type RouteShape, shapeRoute } from '../../answer/payload/index.ts'
import type { Transaction } from '../../data/index.ts'
import { parseCriticality, parseDuration, SettingError } from '../../kernel/index.ts'
import type { Admission } from '../../protect/admission/index.ts'
import type { Idempotency } from '../../protect/idempotency/index.ts'
import type { RouteLimit, RouteRules } from '../../protect/limit/index.ts'
import type { HistogramFamily } from '../../telemetry/index.ts'
import type { CacheHolder, KeptRoute } from './app-cache.ts'
import { keepAnswers, purgeWhatIsWritten } from './cached-route.ts'
import type { CallerChecks } from './caller-checks.ts'
import { listOf } from './hook-list.ts'
import { makeIdempotent } from './idempotent-route.ts'
import type { LazyLimiter } from './lazy-limiter.ts'
import { misspeltSetting } from './misspelt-setting.ts'
import type { RouteSettings } from './options.ts'
import { RequestUnit } from './request-unit.ts'
import { planOf, RoutePlan } from './route-plan.ts'

/** What plans are made from. */
export interface PlanParts {
  readonly durations: HistogramFamily
  readonly admission: Admission | undefined
  readonly limiter: LazyLimiter
  readonly callers: CallerChecks | undefined
  readonly idempotency: Idempotency<Transaction> | undefined
  /** `undefined` where the app keeps no answers. */
  readonly cache: CacheHolder | undefined
  readonly payload: PayloadCommons
  /** For routes that name none, in milliseconds; infinite for none. */
  readonly defaultDeadlineMs: number
}

type RouteToPlan = Pick<RouteOptions, 'url' | 'method' | 'config' | 'schema'>

/** @see https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1 */
const safeMethods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'REPORT',
  'SEARCH',
  'QUERY',
])
const modes: ReadonlySet<unknown> = new Set(['required', 'accepted'])

/** Makes the plans of an app's routes, while they are being declared. */
export class RouteCompiler {
  readonly #parts: PlanParts
  #usesKeys = false
  #lastGet: { readonly url: string; readonly config: unknown; readonly plan: RoutePlan } | undefined

  constructor (parts: PlanParts) {
    this.#parts = parts
  }

  /** For requests that match no route. */
  unmatched (): RoutePlan {
    return planRoute('unmatched', { url: '', method: '' }, undefined, this.#parts)
  }

  /**
   * Reads and checks a route's settings, and puts its plan on its `config`. For Fastify's onRoute hook.
   *
   * @throws SettingError naming the route and the setting
   */
  compile (route: RouteOptions): void {
    const { url, config, method } = route
    const name = `${String(method)} ${url}`
    const { cache, payload } = this.#parts
    refuseMisspelt(name, config)
    const shape = shapeRoute(route, config ?? {}, payload, name)
    const plan = this.#planOfTwin({ method, url, config }) ?? planRoute(name, route, shape, this.#parts)
    if (method === 'GET') this.#lastGet = { url, config, plan }
    route.config = { ...route.config, [planOf]: plan }
    route.handler = rememberingWork(route.handler)
    if (plan.verify !== undefined) this.#checkBodies(route)
    if (plan.cache !== undefined) keepAnswers(route, plan.cache)
    else if (cache !== undefined && writes(method)) purgeWhatIsWritten(route, cache)
    if (config?.idempotency !== undefined && method !== 'HEAD') this.#keepAnswers(route, config.idempotency)
    finishRoute(route, config ?? {}, payload, name)
  }

  /** Whether any route takes idempotency keys. */
  get usesKeys (): boolean {
    return this.#usesKeys
  }

  #checkBodies (route: RouteOptions): void {
    const { callers } = this.#parts
    if (callers === undefined) return
    const check: preParsingAsyncHookHandler = async (request, _reply, payload) =>
      callers.checkBody(request.context as RequestUnit, payload) as typeof payload
    // First, before what decompresses: a digest is of the bytes that were sent.
    route.preParsing = [check, ...listOf(route.preParsing)]
  }

  #keepAnswers (route: RouteOptions, given: NonNullable<RouteSettings['idempotency']>): void {
    const { idempotency } = this.#parts
    const setting = `${String(route.method)} ${route.url} config.idempotency`
    if (idempotency === undefined) {
      throw new SettingError(
        setting,
        'used where answers can be kept: in a service with a database or Redis, or with the option `idempotency` of the plugin',
        given
      )
    }
    if (typeof route.method !== 'string')
      throw new SettingError(setting, 'on a route of one method', route.method)
    const options = typeof given === 'object' ? given : { mode: given }
    if (!modes.has(options.mode))
      throw new SettingError(setting, "'required', 'accepted', or an object with such a mode", given)
    makeIdempotent(route, idempotency.route({ ...options, method: route.method, pattern: route.url }))
    this.#usesKeys = true
  }

  /** Fastify declares HEAD right after each GET, with the config of that: what it may cost is the same, too. */
  #planOfTwin (
    { method, url, config }: Pick<RouteOptions, 'method' | 'url' | 'config'>
  ): RoutePlan | undefined {
    const get = this.#lastGet
    return method === 'HEAD' && url === get?.url && config === get.config ? get.plan : undefined
  }
}

function planRoute (
  name: string,
  route: RouteToPlan,
  shape: RouteShape | undefined,
  parts: PlanParts
): RoutePlan {
  const settings: RouteSettings = route.config ?? {}
  const { criticality: given = 'normal', stream = false, exempt = false } = settings
  const criticality = parseCriticality(given, `${name} config.criticality`)
  for (const [key, value] of Object.entries({ stream, exempt })) {
    if (typeof value !== 'boolean') throw new SettingError(`${name} config.${key}`, 'true or false', value)
  }
  return new RoutePlan(parts.durations, {
    route: route.url,
    criticality,
    stream,
    ...deadlineOf(name, settings, parts.defaultDeadlineMs),
    limit: limitOf(name, settings, parts),
    verify: verifyOf(name, settings, parts),
    cache: cacheOf(name, route, shape, parts),
    shape,
    admissionClass: parts.admission?.route({
      name,
      stream,
      exempt,
      ...behindOf(name, settings),
    }),
  })
}

/** A misspelt limit is no limit; and TypeScript does not see it, since a `config` may hold settings of other plugins. */
function refuseMisspelt (name: string, config: object = {}): void {
  for (const [key, value] of Object.entries(config)) {
    const meant = misspeltSetting(key)
    if (meant !== undefined)
      throw new SettingError(`${name} config.${key}`, `called "${meant}", if that is meant`, value)
  }
}

function deadlineOf (
  name: string,
  { deadline, stream }: RouteSettings,
  defaultMs: number
): { readonly deadlineMs: number; readonly ownDeadline: boolean } {
  if (deadline === 'none') return { deadlineMs: Number.POSITIVE_INFINITY, ownDeadline: false }
  if (deadline === undefined) {
    return { deadlineMs: stream === true ? Number.POSITIVE_INFINITY : defaultMs, ownDeadline: false }
  }
  const deadlineMs = parseDuration(deadline, `${name} config.deadline`)
  if (deadlineMs === 0) throw new SettingError(`${name} config.deadline`, 'above 0, or "none"', deadline)
  return { deadlineMs, ownDeadline: true }
}

function behindOf (name: string, { behind }: RouteSettings): Pick<RouteSettings, 'behind'> {
  if (behind === undefined) return {}
  if (!/^[\w.-]{1,64}$/.test(behind)) {
    throw new SettingError(`${name} config.behind`, '1 to 64 letters, digits, "_", "." and "-"', behind)
  }
  return { behind }
}

function cacheOf (
  name: string,
  { method, url, schema, config = {} }: RouteToPlan,
  shape: RouteShape | undefined,
  { cache: holder, payload }: PlanParts
): KeptRoute | undefined {
  const { cache: policy, verify, compress = payload.defaults?.compress ?? false }: RouteSettings = config
  if (policy === undefined || policy === false) return undefined
  if (holder === undefined)
    throw new SettingError(`${name} config.cache`, 'absent where the option `cache` is false', policy)
  return holder.route({
    name,
    method: String(method),
    pattern: url,
    cache: policy,
    queryNames: namesOf(schema?.querystring),
    guarded: verify !== undefined,
    compressed: compress !== false,
    variedBy: shape?.vary ?? [],
  })
}

/** The parts of the query that a JSON schema names. */
function namesOf (schema: unknown): readonly string[] | undefined {
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return undefined
  return Object.keys(schema.properties as object)
}

function writes (method: RouteOptions['method']): boolean {
  const methods = Array.isArray(method) ? method : [method]
  return methods.some((each) => !safeMethods.has(each))
}

function verifyOf (name: string, { verify }: RouteSettings, { callers }: PlanParts): RouteSettings['verify'] {
  if (verify === undefined) return undefined
  const setting = `${name} config.verify`
  if (verify !== 'required' && verify !== 'optional')
    throw new SettingError(setting, "'required' or 'optional'", verify)
  if (callers?.checksSignatures !== true)
    throw new SettingError(setting, 'used with the option `signatures`, which says whose keys count', verify)
  return verify
}

function limitOf (
  name: string,
  { limit, exempt }: RouteSettings,
  { limiter }: PlanParts
): RouteLimit | undefined {
  const rules = limit ?? (exempt === true ? false : limiter.defaultRules ?? false)
  if (rules === false) return undefined
  const compiled = limiter.get().compile(name, rules as RouteRules)
  return compiled.limited ? compiled : undefined
}

/** Keeps the promise of a handler at hand, for when nobody waits for it any more. */
function rememberingWork (handler: RouteOptions['handler']): RouteOptions['handler'] {
  return function remember (request, reply) {
    const result: unknown = handler.call(this, request, reply)
    if (isThenable(result) && request.context instanceof RequestUnit) request.context.work = result
    return result
  }
}

function isThenable (value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
