import { duration } from './kind.ts'
import { type SettingGroup, type SettingSpec, spec } from './spec.ts'

const group: SettingGroup = 'Boot and drain'

/** How a worker begins and ends. */
export const phaseSpecs: readonly SettingSpec[] = [
  spec('boot.timeout', {
    kind: duration({ above: 0 }),
    group,
    default: '30s',
    help: 'Ends a starting worker that made no progress for so long.',
  }),
  spec('drain.delay', {
    kind: duration(),
    group,
    default: '0s',
    defaultIn: { kubernetes: '5s' },
    help: 'Goes on serving for so long after readiness turned false, so that load balancers notice.',
  }),
  spec('drain.grace', {
    kind: duration(),
    group,
    default: '30s',
    help: 'Lets running requests finish for so long, then cuts them.',
  }),
  spec('drain.idle', {
    kind: duration(),
    group,
    default: '1s',
    help: 'While draining, closes a connection idle for so long; at most drain.grace.',
  }),
]
