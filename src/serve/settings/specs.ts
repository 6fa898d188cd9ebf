import { address, tcpAddressOrOff } from './address-kind.ts'
import {
  choice,
  duration,
  fileMode,
  integer,
  integerOrAuto,
  list,
  network,
  path,
  ratio,
  size,
  toggle,
  url,
} from './kind.ts'
import type { SettingKey } from './settings.ts'
import { type SettingGroup, type SettingSpec, spec } from './spec.ts'

const addresses: SettingGroup = 'Addresses'
const workers: SettingGroup = 'Workers'
const limits: SettingGroup = 'Request limits'
const phases: SettingGroup = 'Boot and drain'
const signals: SettingGroup = 'Logs, traces and health'
const engines: SettingGroup = 'Database and Redis'
const service: SettingGroup = 'Service'

/** Every setting, in the order in which it is shown. */
export const settingSpecs: readonly SettingSpec[] = [
  spec('listen', {
    kind: list(address(), { least: 1 }),
    group: addresses,
    default: ['127.0.0.1:3000'],
    defaultIn: { kubernetes: ['0.0.0.0:3000'] },
    help: 'Where the service listens; may be repeated.',
  }),
  spec('admin', {
    kind: tcpAddressOrOff(),
    group: addresses,
    default: '127.0.0.1:3001',
    defaultIn: { kubernetes: '0.0.0.0:3001' },
    help: 'Where metrics, health and status are served.',
  }),
  spec('backlog', {
    kind: integer({ least: 1 }),
    group: addresses,
    default: 511,
    help: 'Connections the kernel holds until they are accepted; its somaxconn caps it.',
  }),
  spec('socketMode', {
    kind: fileMode(),
    group: addresses,
    default: '660',
    help: 'Permissions of a UNIX socket, in octal.',
  }),
  spec('tls.key', {
    kind: path(),
    group: addresses,
    help: 'File with the private key (PEM); goes with tls.cert.',
  }),
  spec('tls.cert', {
    kind: path(),
    group: addresses,
    help: 'File with the certificate chain (PEM); goes with tls.key.',
  }),
  spec('http2', {
    kind: toggle(),
    group: addresses,
    default: false,
    help: 'Offers HTTP/2 beside HTTP/1.1; needs TLS.',
  }),
  spec('trustProxy', {
    kind: list(network()),
    group: addresses,
    default: [],
    help: 'Proxies whose X-Forwarded-* headers are believed; may be repeated.',
  }),
  spec('workers', {
    kind: integerOrAuto(),
    group: workers,
    default: 'auto',
    defaultIn: { dev: 1 },
    help: 'Worker processes; auto starts one per granted core.',
  }),
  spec('acceptMode', {
    kind: choice('shared', 'round-robin'),
    group: workers,
    default: 'shared',
    help: 'Who accepts connections: every worker (shared), or the supervisor, in turn.',
  }),
  spec('rotate.requests', {
    kind: integer({ least: 0 }),
    group: workers,
    default: 0,
    help: 'Replaces a worker after so many requests; 0 for never.',
  }),
  spec('rotate.lifetime', {
    kind: duration(),
    group: workers,
    default: '0s',
    help: 'Replaces a worker at this age; 0s for never.',
  }),
  spec('rotate.memory', {
    kind: size(),
    group: workers,
    default: '0B',
    help: 'Replaces a worker when its resident memory exceeds this; 0B for never.',
  }),
  spec('rotate.jitter', {
    kind: ratio(),
    group: workers,
    default: 0.1,
    help: "Raises each worker's rotation limits by a random share of up to this, so that they spread.",
  }),
  spec('heartbeat.interval', {
    kind: duration({ above: 0 }),
    group: workers,
    default: '1s',
    help: 'How often a worker shows that its event loop turns.',
  }),
  spec('heartbeat.stuckAfter', {
    kind: duration({ above: 0 }),
    group: workers,
    default: '10s',
    help: 'Replaces a worker that was silent for so long; above heartbeat.interval.',
  }),
  spec('crash.backoffBase', {
    kind: duration(),
    group: workers,
    default: '200ms',
    help: 'First wait before a crashed worker is replaced; it doubles with each crash.',
  }),
  spec('crash.backoffCap', {
    kind: duration(),
    group: workers,
    default: '30s',
    help: 'Longest wait before a crashed worker is replaced.',
  }),
  spec('crash.giveUpAfter', {
    kind: integer({ least: 0 }),
    group: workers,
    default: 0,
    help: 'Ends after so many crashes in a row; 0 for never.',
  }),
  spec('compute.threads', {
    kind: integerOrAuto(),
    group: workers,
    default: 'auto',
    help: 'Threads for app.compute in each worker; auto follows the granted cores.',
  }),
  spec('compute.queue', {
    kind: integer({ least: 0 }),
    group: workers,
    default: 64,
    help: 'Tasks of app.compute that may wait for a thread; more are refused.',
  }),
  spec('limits.headerSize', {
    kind: size({ least: 1024 }),
    group: limits,
    default: '16KiB',
    help: 'Largest request line and headers together; beyond it: 431.',
  }),
  spec('limits.bodySize', {
    kind: size(),
    group: limits,
    default: '1MiB',
    help: 'Largest request body; beyond it: 413.',
  }),
  spec('limits.headersTimeout', {
    kind: duration({ above: 0 }),
    group: limits,
    default: '10s',
    help: 'Cuts off a request whose headers take longer; at most limits.requestTimeout.',
  }),
  spec('limits.requestTimeout', {
    kind: duration({ above: 0 }),
    group: limits,
    default: '60s',
    help: 'Cuts off a request that takes longer to arrive, body included.',
  }),
  spec('limits.keepAliveTimeout', {
    kind: duration({ above: 0 }),
    group: limits,
    default: '65s',
    help: 'Closes a connection idle for so long; keep it above that of the proxy in front.',
  }),
  spec('limits.requestsPerConnection', {
    kind: integer({ least: 0 }),
    group: limits,
    default: 0,
    help: 'Closes a connection after so many requests; 0 for no limit.',
  }),
  spec('limits.connections', {
    kind: integer({ least: 0 }),
    group: limits,
    default: 0,
    help: 'Connections each worker holds at once; 0 for no limit.',
  }),
  spec('boot.timeout', {
    kind: duration({ above: 0 }),
    group: phases,
    default: '30s',
    help: 'Ends a starting worker that made no progress for so long.',
  }),
  spec('drain.delay', {
    kind: duration(),
    group: phases,
    default: '0s',
    defaultIn: { kubernetes: '5s' },
    help: 'Goes on serving for so long after readiness turned false, so that load balancers notice.',
  }),
  spec('drain.grace', {
    kind: duration(),
    group: phases,
    default: '30s',
    help: 'Lets running requests finish for so long, then cuts them.',
  }),
  spec('drain.idle', {
    kind: duration(),
    group: phases,
    default: '1s',
    help: 'While draining, closes a connection idle for so long; at most drain.grace.',
  }),
  spec('log.level', {
    kind: choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    group: signals,
    default: 'info',
    help: 'The least severe level that is written.',
  }),
  spec('log.format', {
    kind: choice('auto', 'json', 'pretty'),
    group: signals,
    default: 'auto',
    help: 'JSON lines, or pretty for people; auto is pretty on a terminal.',
  }),
  spec('accessLog.slow', {
    kind: duration(),
    group: signals,
    default: '1s',
    help: 'Logs every response that took so long; errors are always logged.',
  }),
  spec('accessLog.sample', {
    kind: ratio(),
    group: signals,
    default: 0,
    help: 'Share of all other responses that is logged.',
  }),
  spec('trace.sample', {
    kind: ratio(),
    group: signals,
    default: 0.01,
    help: "Share of the traces begun here that is recorded; a caller's decision is kept.",
  }),
  spec('trace.otlp', {
    kind: url({ protocols: ['http:', 'https:'] }),
    group: signals,
    commonEnv: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    help: 'Base URL of an OpenTelemetry collector (OTLP over HTTP).',
  }),
  spec('health.onServicePort', {
    kind: toggle(),
    group: signals,
    default: false,
    help: "Serves /livez, /readyz and /startupz on the service's addresses too.",
  }),
  spec('database.url', {
    kind: url({ protocols: ['postgres:', 'postgresql:'], words: ['embedded'] }),
    group: engines,
    defaultIn: { dev: 'embedded' },
    commonEnv: 'DATABASE_URL',
    help: 'PostgreSQL; embedded runs one, kept in stateDirectory.',
  }),
  spec('database.poolSize', {
    kind: integer({ least: 1 }),
    group: engines,
    default: 10,
    help: 'Connections to the database for each worker.',
  }),
  spec('database.seed', {
    kind: choice('auto', 'always', 'never'),
    group: engines,
    default: 'auto',
    help: "Whether the service's seed follows its migrations; auto seeds an embedded database.",
  }),
  spec('redis.url', {
    kind: url({ protocols: ['redis:', 'rediss:'] }),
    group: engines,
    commonEnv: 'REDIS_URL',
    help: 'Redis or Valkey.',
  }),
  spec('stateDirectory', {
    kind: path<string>(),
    group: service,
    default: '.plimsoll',
    help: 'Directory for what outlives a run: the embedded database, the compile cache.',
  }),
  spec('openapi.page', {
    kind: toggle(),
    group: service,
    default: false,
    defaultIn: { dev: true },
    help: 'Serves the API page at /docs.',
  }),
]

const byKey: ReadonlyMap<string, SettingSpec> = new Map(settingSpecs.map((spec) => [spec.key, spec]))

/** All names, in the order in which they are shown. */
export const settingKeys: readonly SettingKey[] = settingSpecs.map(({ key }) => key)

/** The spec of a name; `undefined` when there is no such setting. */
export function findSpec (key: string): SettingSpec | undefined {
  return byKey.get(key)
}
