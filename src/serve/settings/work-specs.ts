import { choice } from './kind.ts'
import { type SettingGroup, type SettingSpec, spec } from './spec.ts'

const group: SettingGroup = 'Work behind the request'

/** Jobs, events, sagas, exports. */
export const workSpecs: readonly SettingSpec[] = [
  spec('role', {
    kind: choice('all', 'web', 'work'),
    group,
    default: 'all',
    defaultIn: { work: 'work' },
    help: 'What this start runs: requests (web), jobs and other work behind them (work), or all of it.',
  }),
]
