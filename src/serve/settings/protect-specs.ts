import { choice, duration, toggle } from './kind.ts'
import { type SettingGroup, type SettingSpec, spec } from './spec.ts'

const group: SettingGroup = 'Overload and limits'

/** What holds the service at its load line. */
export const protectSpecs: readonly SettingSpec[] = [
  spec('deadline.default', {
    kind: duration(),
    group,
    default: '30s',
    help: 'How long a request may take when neither its route nor a trusted caller says; 0s for no end.',
  }),
  spec('deadline.max', {
    kind: duration({ above: 0 }),
    group,
    default: '60s',
    help: 'The longest deadline that a trusted caller may ask for.',
  }),
  spec('admission.enabled', {
    kind: toggle(),
    group,
    default: true,
    help: 'Refuses, early and with 503, what the worker cannot carry.',
  }),
  spec('rateLimits.store', {
    kind: choice('auto', 'memory', 'local', 'redis'),
    group,
    default: 'auto',
    help:
      'Who counts: each worker (memory), the machine (local), or Redis; auto is redis for a service that declares it, else local.',
  }),
  spec('idempotency.lease', {
    kind: duration({ above: 0 }),
    group,
    default: '10s',
    help: 'How long a crash can block an idempotency key.',
  }),
  spec('idempotency.keep', {
    kind: duration({ above: 0 }),
    group,
    default: '24h',
    help: 'How long an answer can be replayed; above idempotency.lease.',
  }),
]
