import type { Bytes, Duration } from '../../kernel/index.ts'
import type { LogLevel } from '../../telemetry/index.ts'

/** Every setting with its type, as a person writes it; {@link Config} and {@link Settings} derive from it. */
interface SettingTypes {
  /** Where the service listens: `HOST:PORT`, `[::1]:PORT` or `unix:PATH`; one or several. */
  readonly listen: readonly string[]
  /** Where metrics, health and status are served: `HOST:PORT`, or `off`. */
  readonly admin: string
  /** Worker processes; `auto` starts one per granted core. */
  readonly workers: number | 'auto'
  /** Who accepts connections: each worker (`shared`), or the supervisor that deals them out (`round-robin`). */
  readonly acceptMode: 'shared' | 'round-robin'
  /** Connections the kernel holds until they are accepted; its own `somaxconn` caps it. */
  readonly backlog: number
  /** Permissions of a UNIX socket, in octal. */
  readonly socketMode: string
  readonly tls: {
    /** File with the private key, PEM. Together with `tls.cert`. */
    readonly key: string | undefined
    /** File with the certificate and its chain, PEM. Together with `tls.key`. */
    readonly cert: string | undefined
  }
  /** Offers HTTP/2 beside HTTP/1.1; needs `tls.key` and `tls.cert`. */
  readonly http2: boolean
  readonly limits: {
    /** Largest request line and headers together; beyond it: 431. */
    readonly headerSize: Bytes
    /** Largest request body; beyond it: 413. */
    readonly bodySize: Bytes
    /** Headers must have arrived within this time. */
    readonly headersTimeout: Duration
    /** The whole request must have arrived within this time. */
    readonly requestTimeout: Duration
    /** An idle connection is kept this long; above the idle time-out of a proxy in front. */
    readonly keepAliveTimeout: Duration
    /** Requests served on one connection before it is closed; 0 for no limit. */
    readonly requestsPerConnection: number
    /** Connections a worker holds at once; 0 for no limit. */
    readonly connections: number
  }
  readonly deadline: {
    /** For requests whose route and caller say nothing; 0 for none. */
    readonly default: Duration
    /** The longest that a trusted caller may ask for. */
    readonly max: Duration
  }
  readonly admission: {
    /** Refuses early what the worker cannot carry. */
    readonly enabled: boolean
  }
  readonly rateLimits: {
    /** Who counts: each worker, the machine, or Redis; `auto` is Redis for a service that declares it, else the machine. */
    readonly store: 'auto' | 'memory' | 'local' | 'redis'
  }
  readonly idempotency: {
    /** How long a crash can block a key. */
    readonly lease: Duration
    /** How long an answer can be replayed; above `idempotency.lease`. */
    readonly keep: Duration
  }
  readonly cache: {
    /** What a worker may use to keep answers. */
    readonly memory: Bytes
    /** Who shares what is kept and purged; `auto` is Redis for a service that declares it, else the machine. */
    readonly store: 'auto' | 'memory' | 'local' | 'redis'
  }
  /** What this start runs: requests, the work behind them, or both. */
  readonly role: 'all' | 'web' | 'work'
  readonly work: {
    /** How long the work of a process that was lost waits for another one. */
    readonly lease: Duration
    /** How long it is kept what people did with dead letters of jobs that are gone. */
    readonly auditKeep: Duration
    /** How many clients of a process may hear of their jobs as events at once. */
    readonly streams: number
  }
  readonly broker: {
    /** Where events are published: servers of one NATS, RabbitMQ or Kafka. */
    readonly urls: readonly string[]
  }
  readonly events: {
    /** How long emitted events are kept for those who come later. */
    readonly keep: Duration
    /** A reader that was not heard of for so long is no longer waited for; 0: all are. */
    readonly forsakeAfter: Duration
  }
  readonly exports: {
    /** Where files of exports lie: `file:` or `s3:`; a folder of `stateDirectory` without. */
    readonly store: string | undefined
  }
  /** Sign cursors of pages and tokens of reads. The first signs, all are accepted. */
  readonly secrets: readonly string[]
  readonly drain: {
    /** From "not ready" to closing, so that load balancers stop sending first. */
    readonly delay: Duration
    /** What runs gets this long to finish; then it is cut. */
    readonly grace: Duration
    /** A connection that stays idle this long while draining is closed; at most `drain.grace`. */
    readonly idle: Duration
  }
  readonly boot: {
    /** A worker that starts may go this long without progress. */
    readonly timeout: Duration
  }
  readonly rotate: {
    /** A worker is replaced after this many requests; 0 for never. */
    readonly requests: number
    /** A worker is replaced at this age; 0 for never. */
    readonly lifetime: Duration
    /** A worker is replaced when its resident memory exceeds this; 0 for never. */
    readonly memory: Bytes
    /** Spreads rotation: each worker's limits are larger by a random share of up to this. */
    readonly jitter: number
  }
  readonly heartbeat: {
    /** How often a worker says that its event loop turns. */
    readonly interval: Duration
    /** A worker silent for this long is taken for stuck and replaced; above `heartbeat.interval`. */
    readonly stuckAfter: Duration
  }
  readonly crash: {
    /** First wait after a crash; each further one doubles it. */
    readonly backoffBase: Duration
    /** Longest wait between restarts. */
    readonly backoffCap: Duration
    /** Ends the supervisor after this many crashes in a row; 0 for never. */
    readonly giveUpAfter: number
  }
  readonly compute: {
    /** Threads for `app.compute` in each worker; `auto` asks the granted cores. */
    readonly threads: number | 'auto'
    /** Tasks that may wait for a thread; beyond it a task is refused. */
    readonly queue: number
  }
  readonly log: {
    /** The least severe level that is written. */
    readonly level: LogLevel
    /** `json`, `pretty` for people, or `auto`: pretty on a terminal. */
    readonly format: 'auto' | 'json' | 'pretty'
  }
  readonly accessLog: {
    /** A response that took this long is logged. */
    readonly slow: Duration
    /** Share of the other responses that is logged, 0 to 1. */
    readonly sample: number
  }
  readonly trace: {
    /** Share of traces begun here that is recorded, 0 to 1; a caller's decision is kept. */
    readonly sample: number
    /** Base URL of an OpenTelemetry collector (OTLP over HTTP); `/v1/traces` is appended. */
    readonly otlp: string | undefined
  }
  readonly health: {
    /** Serves /livez, /readyz and /startupz on the service's own addresses too. */
    readonly onServicePort: boolean
  }
  readonly database: {
    /** URL of PostgreSQL, or `embedded` to run one from `stateDirectory`. */
    readonly url: string | undefined
    /** Connections to the database, for each worker; `auto` is 10, or as many as the database has for the fleet. */
    readonly poolSize: number | 'auto'
    /** Of these, what background work may not take; `auto` is a third, or 1 in the role `work`. */
    readonly reserve: number | 'auto'
    /** The longest wait for one of them. */
    readonly wait: Duration
    /** How deadlines reach statements; `off` behind PgBouncer in transaction mode. */
    readonly statementTimeouts: 'session' | 'off'
    /** Whether statements that come again are prepared. */
    readonly preparedStatements: 'auto' | 'off'
    /** Machines that run the service. */
    readonly machines: number
    /** What happens to statements that one request repeats. */
    readonly watch: 'fail' | 'warn' | 'sample' | 'off'
    /** URLs of read replicas. */
    readonly replicas: readonly string[]
    /** A replica that may be further behind gets no reads. */
    readonly maxLag: Duration
    /** Whether migrations are followed by the seed; `auto` seeds an embedded database. */
    readonly seed: 'auto' | 'always' | 'never'
  }
  readonly redis: {
    /** URL of Redis or Valkey. */
    readonly url: string | undefined
  }
  /** Directory for what must outlive a run: the embedded database, the compile cache. */
  readonly stateDirectory: string
  readonly openapi: {
    /** Serves the API page at /docs. */
    readonly page: boolean
  }
  /** Proxies whose `X-Forwarded-*` headers are believed: addresses or CIDR blocks. */
  readonly trustProxy: readonly string[]
}

// The text forms of durations and sizes leave the union; what remains of them is the number.
type Resolved<T> = T extends readonly unknown[] ? T :
  T extends object ? { readonly [K in keyof T]: Resolved<T[K]> } :
  T extends `${number}${string}` ? never :
  T

type Given<T> = T extends readonly unknown[] ? T :
  T extends object ? { readonly [K in keyof T]?: Given<T[K]> } :
  T

/** All settings, resolved: plain data that survives JSON; durations in milliseconds, sizes in bytes. */
export type Settings = Resolved<SettingTypes>

/** What `plimsoll.config.ts` may export by default; whatever is left out keeps its default. */
export type Config = Given<SettingTypes>

type KeyOf<T> = {
  [K in keyof T & string]: T[K] extends readonly unknown[] ? K :
    T[K] extends object ? `${K}.${keyof T[K] & string}` :
    K
}[keyof T & string]

/** A setting's name in dots, e.g. `drain.grace`. */
export type SettingKey = KeyOf<SettingTypes>

/** The type of one resolved setting. */
export type SettingValue<K extends SettingKey> = K extends `${infer Section}.${infer Name}` ?
  Section extends keyof Settings ? Name extends keyof Settings[Section] ? Settings[Section][Name] : never :
  never :
  K extends keyof Settings ? Settings[K] :
  never

/** Types the default export of `plimsoll.config.ts`; it returns what it is given. */
export function defineConfig (config: Config): Config {
  return config
}
