import { choice, duration, ratio, toggle, url } from './kind.ts'
import { type SettingGroup, type SettingSpec, spec } from './spec.ts'

const group: SettingGroup = 'Logs, traces and health'

/** What the service says of itself. */
export const signalSpecs: readonly SettingSpec[] = [
  spec('log.level', {
    kind: choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    group,
    default: 'info',
    help: 'The least severe level that is written.',
  }),
  spec('log.format', {
    kind: choice('auto', 'json', 'pretty'),
    group,
    default: 'auto',
    help: 'JSON lines, or pretty for people; auto is pretty on a terminal.',
  }),
  spec('accessLog.slow', {
    kind: duration(),
    group,
    default: '1s',
    help: 'Logs every response that took so long; errors are always logged.',
  }),
  spec('accessLog.sample', {
    kind: ratio(),
    group,
    default: 0,
    help: 'Share of all other responses that is logged.',
  }),
  spec('trace.sample', {
    kind: ratio(),
    group,
    default: 0.01,
    help: "Share of the traces begun here that is recorded; a caller's decision is kept.",
  }),
  spec('trace.otlp', {
    kind: url({ protocols: ['http:', 'https:'] }),
    group,
    commonEnv: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    help: 'Base URL of an OpenTelemetry collector (OTLP over HTTP).',
  }),
  spec('health.onServicePort', {
    kind: toggle(),
    group,
    default: false,
    help: "Serves /livez, /readyz and /startupz on the service's addresses too.",
  }),
]
