import { choice, list, secret, size } from './kind.ts'
import { type SettingGroup, type SettingSpec, spec } from './spec.ts'

const group: SettingGroup = 'Cached answers'

/** What makes answers cheap. */
export const answerSpecs: readonly SettingSpec[] = [
  spec('cache.memory', {
    kind: size({ least: 1 << 20 }),
    group,
    default: '64MiB',
    help: 'What a worker may use to keep answers; taken only where a route has `cache`.',
  }),
  spec('cache.store', {
    kind: choice('auto', 'memory', 'local', 'redis'),
    group,
    default: 'auto',
    help:
      'Who shares what is kept and purged: nobody (memory), the workers of the machine (local), or all machines (redis); auto is redis for a service that declares it, else local.',
  }),
  spec('secrets', {
    kind: list(secret({ least: 32 })),
    group,
    default: [],
    help:
      'Sign cursors of pages and tokens of reads; the same on all machines. The first signs, all are accepted. Without any, they hold as long as this start.',
  }),
]
