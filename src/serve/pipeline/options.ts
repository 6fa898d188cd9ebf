import type { FastifyRequest } from 'fastify'
import {
  type Clock,
  type Criticality,
  type Duration,
  type Random,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'
import { type AccessLog, type Logger, MetricsRegistry, Tracer } from '../../telemetry/index.ts'

/** Options of the `plimsoll` plugin. All have defaults: `app.register(plimsoll)` is a complete set-up. */
export interface PipelineOptions {
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
   * Whose request it is; asked at most once a request, and only when something needs to know.
   * @default nobody's
   */
  readonly tenantOf?: (request: FastifyRequest) => string | undefined
  /**
   * Serves the metrics of this process as `GET` on this path; for an app that runs without the runtime,
   * whose admin port does it otherwise. @default not served
   */
  readonly metricsPath?: string
  readonly clock?: Clock
  readonly random?: Random
}

/** Options with their defaults in place. */
export interface ResolvedPipelineOptions {
  readonly registry: MetricsRegistry
  readonly tracer: Tracer
  readonly logger: Logger | undefined
  readonly accessLog: AccessLog | undefined
  readonly tenantOf: ((request: FastifyRequest) => string | undefined) | undefined
  readonly metricsPath: string | undefined
  readonly clock: Clock
  readonly random: Random
}

export function resolvePipelineOptions (options: PipelineOptions): ResolvedPipelineOptions {
  const { clock = systemClock, random = systemRandom, logger, accessLog, tenantOf, metricsPath } = options
  const {
    registry = new MetricsRegistry({ clock }),
    tracer = new Tracer({ sampleRatio: 0, clock, random }),
  } = options
  return { registry, tracer, logger, accessLog, tenantOf, metricsPath, clock, random }
}

/** What a route may say in its `config`. */
export interface RouteSettings {
  /** What is kept longest when not everything can be served. @default 'normal' */
  readonly criticality?: Criticality
  /** How long a caller waits for this route, from the request's arrival. @default no limit */
  readonly deadline?: Duration
}
