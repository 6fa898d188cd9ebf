import { choice, size } from './kind.ts'
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
]
