import type { FastifyRequest } from 'fastify'
import { type PayloadCommons, payloadMetrics, type PayloadSettings } from '../../answer/payload/index.ts'
import type { Reads, Transaction } from '../../data/index.ts'
import {
  type Clock,
  type Criticality,
  type Duration,
  parseCriticality,
  parseDuration,
  type Random,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'
import { Admission } from '../../protect/admission/index.ts'
import type { Idempotency, IdempotentRouteOptions } from '../../protect/idempotency/index.ts'
import type { LimitRule, RouteRules } from '../../protect/limit/index.ts'
import { type AccessLog, type Logger, MetricsRegistry, Tracer } from '../../telemetry/index.ts'
import type { CacheOptions, RouteCache } from './app-cache.ts'
import type { CallerCheckOptions } from './caller-checks.ts'
import { Edge } from './edge.ts'
import { loopHeadroom } from './headroom.ts'
import { LazyLimiter, type LimitsOptions } from './lazy-limiter.ts'
import type { ContextSource, WhoseOf } from './request-context.ts'

/** Options of the `plimsoll` plugin. All have defaults: `app.register(plimsoll)` is a complete set-up. */
export interface PipelineOptions extends CallerCheckOptions {
  /** Where the request metrics are recorded. @default a registry of its own */
  readonly registry?: MetricsRegistry
  /** Makes the server spans of sampled requests. Yours to close, when you pass one. @default records none */
  readonly tracer?: Tracer
  /**
   * Becomes `request.log`; it adds the ids of the running request by itself. Meant for an app whose own
   * Fastify logger is off: Fastify's makes a child logger a request, which costs more than this pipeline.
   * @default Fastify's own stays
   */
  readonly logger?: Logger
  /** Writes the requests worth a line. @default none is written */
  readonly accessLog?: AccessLog
  /**
   * Refuses early what the process cannot carry; see docs/overload.md. Pass an `Admission` of your own, or
   * `false` for none. @default one with nothing to set
   */
  readonly admission?: Admission | false
  /** Where and how limits are counted, and those of routes that name none; see docs/limits.md. */
  readonly limits?: LimitsOptions
  /**
   * Keeps the answers of routes that say `idempotency`; yours to close. It is prepared when the app gets ready, if
   * a route uses it. @default none, and such a route stops the boot
   */
  readonly idempotency?: Idempotency<Transaction>
  /** Where answers of routes that say `cache` are kept; `false` to allow no such route. @default in this process's memory */
  readonly cache?: CacheOptions | false
  /** What routes say of their payloads when they say nothing, and what all share: versions, work to be done later. */
  readonly payload?: Omit<PayloadCommons, 'bodyLimit' | 'headroom' | 'onEncoded'>
  /** Where reads go to replicas: a client's next request reads what this one has written. @default nowhere */
  readonly reads?: Pick<Reads, 'withConsistency' | 'consistencyToken' | 'wrote'>
  readonly deadline?: {
    /** For routes that name none. @default no limit */
    readonly default?: Duration
    /** The longest that a trusted caller may ask for. @default '60s' */
    readonly max?: Duration
  }
  /**
   * Addresses and networks (CIDR) of the peers that are believed about deadlines and criticality: your proxies
   * and your own services. Peers on a UNIX socket are believed in any case. @default nobody else
   */
  readonly trusted?: readonly string[]
  /**
   * Whose request it is; asked at most once a request, and only when something needs to know.
   * @default nobody's
   */
  readonly tenantOf?: WhoseOf
  /** Which of `plans` the caller has; asked as `tenantOf` is. @default none */
  readonly planOf?: WhoseOf
  /** The caller's API key; asked as `tenantOf` is. It is never logged. @default none */
  readonly apiKeyOf?: WhoseOf
  /** Which user of its tenant calls, for answers that are kept by user; asked for those alone. @default nobody knows */
  readonly userOf?: WhoseOf
  /** What callers may have subscribed to, by name; `default` is for those without a plan. @default none */
  readonly plans?: Readonly<Record<string, CallerPlan>>
  /**
   * Serves the metrics of this process as `GET` on this path; for an app that runs without the runtime,
   * whose admin port does it otherwise. @default not served
   */
  readonly metricsPath?: string
  readonly clock?: Clock
  readonly random?: Random
}

/** What comes with a plan that callers can have. */
export interface CallerPlan {
  /** Requests of these callers are at most so critical. @default as the route says */
  readonly criticality?: Criticality
  /** Limits of routes that say `limit: 'plan'`, counted by tenant over all of them. @default none */
  readonly limits?: LimitRule<FastifyRequest> | readonly LimitRule<FastifyRequest>[]
}

/** Options with their defaults in place. */
export interface ResolvedPipelineOptions {
  readonly registry: MetricsRegistry
  readonly tracer: Tracer
  readonly logger: Logger | undefined
  readonly accessLog: AccessLog | undefined
  readonly admission: Admission | undefined
  readonly limiter: LazyLimiter
  readonly idempotency: Idempotency<Transaction> | undefined
  readonly cache: CacheOptions | undefined
  readonly payload: PayloadCommons
  readonly defaultDeadlineMs: number
  readonly source: ContextSource
  readonly metricsPath: string | undefined
}

/** @param bodyLimit the app's, in bytes. @throws SettingError */
export function resolvePipelineOptions (
  options: PipelineOptions,
  bodyLimit: number
): ResolvedPipelineOptions {
  const { clock = systemClock, random = systemRandom, logger, accessLog, metricsPath, trusted = [] } = options
  const { tenantOf, planOf, apiKeyOf, userOf, plans = {}, deadline = {}, cache = {} } = options
  const {
    registry = new MetricsRegistry({ clock }),
    tracer = new Tracer({ sampleRatio: 0, clock, random }),
  } = options
  const maxDeadlineMs = parseDuration(deadline.max ?? '60s', 'deadline.max')
  const source = {
    clock,
    random,
    edge: new Edge(trusted),
    tenantOf,
    planOf,
    apiKeyOf,
    userOf,
    ceilings: ceilingsOf(plans),
    maxDeadlineMs,
  }
  const planLimits = Object.entries(plans).flatMap(([name, plan]) =>
    plan.limits === undefined ? [] : [[name, plan.limits] as const]
  )
  return {
    limiter: new LazyLimiter({
      options: options.limits ?? {},
      plans: Object.fromEntries(planLimits),
      registry,
      clock,
      random,
    }),
    idempotency: options.idempotency,
    cache: cache === false ? undefined : cache,
    payload: {
      ...options.payload,
      headroom: loopHeadroom(clock),
      onEncoded: payloadMetrics(registry),
      bodyLimit,
    },
    registry,
    tracer,
    logger,
    accessLog,
    admission: options.admission === false ?
      undefined :
      options.admission ?? new Admission({ registry, clock, random }),
    defaultDeadlineMs: deadline.default === undefined ?
      Number.POSITIVE_INFINITY :
      parseDuration(deadline.default, 'deadline.default') || Number.POSITIVE_INFINITY,
    source,
    metricsPath,
  }
}

function ceilingsOf (
  plans: Readonly<Record<string, CallerPlan>>
): ReadonlyMap<string, Criticality | undefined> {
  const rows = Object.entries(plans)
  if (rows.every(([, { criticality }]) => criticality === undefined)) return new Map()
  return new Map(
    rows.map(([name, { criticality }]) => [
      name,
      criticality === undefined ? undefined : parseCriticality(criticality, `plans.${name}.criticality`),
    ])
  )
}

/** What a route may say in its `config`. */
export interface RouteSettings extends PayloadSettings {
  /**
   * What is kept longest when not everything can be served. A trusted caller can say otherwise with
   * `plimsoll-criticality`, and a plan can have a ceiling. @default 'normal'
   */
  readonly criticality?: Criticality
  /**
   * How long a caller waits for this route, from the request's arrival; 'none' for as long as it takes. A
   * trusted caller can shorten it, with `plimsoll-timeout-ms` and others. @default the option `deadline.default`
   */
  readonly deadline?: Duration | 'none'
  /**
   * Rules of how much may be asked, one or several; `'plan'` for those of the caller's plan, `false` for none.
   * All are decided in one step. @default the option `limits.rules`
   */
  readonly limit?: RouteRules<FastifyRequest> | false
  /**
   * Whether the route needs an `Idempotency-Key`, or takes one; see docs/idempotency.md. @default it does not look
   * at keys
   */
  readonly idempotency?: IdempotentRouteOptions['mode'] | Omit<IdempotentRouteOptions, 'method' | 'pattern'>
  /** How its answers are kept and given to others; see docs/cache.md. @default they are not */
  readonly cache?: RouteCache | false
  /**
   * Whether the request must be signed (RFC 9421), or only must not be wrongly signed; see docs/signed-requests.md.
   * @default signatures are not looked at
   */
  readonly verify?: 'required' | 'optional'
  /**
   * Names what the route waits for: routes with one name share what may be in flight, and a route that waits for
   * something of its own does not suffer with the others. @default 'shared'
   */
  readonly behind?: string
  /**
   * Its answers live long (SSE, a download): no default deadline, no share of the room in flight, and no line in the
   * access log for being slow. @default false
   */
  readonly stream?: boolean
  /** Refused neither for load nor by default limits, as a health check must not be. @default false */
  readonly exempt?: boolean
}
