import { choice, duration, integer, integerOrAuto, ratio, size } from './kind.ts'
import { type SettingGroup, type SettingSpec, spec } from './spec.ts'

const group: SettingGroup = 'Workers'

/** The processes and threads that do the work. */
export const workerSpecs: readonly SettingSpec[] = [
  spec('workers', {
    kind: integerOrAuto(),
    group,
    default: 'auto',
    defaultIn: { dev: 1 },
    help: 'Worker processes; auto starts one per granted core.',
  }),
  spec('acceptMode', {
    kind: choice('shared', 'round-robin'),
    group,
    default: 'shared',
    help: 'Who accepts connections: every worker (shared), or the supervisor, in turn.',
  }),
  spec('rotate.requests', {
    kind: integer({ least: 0 }),
    group,
    default: 0,
    help: 'Replaces a worker after so many requests; 0 for never.',
  }),
  spec('rotate.lifetime', {
    kind: duration(),
    group,
    default: '0s',
    help: 'Replaces a worker at this age; 0s for never.',
  }),
  spec('rotate.memory', {
    kind: size(),
    group,
    default: '0B',
    help: 'Replaces a worker when its resident memory exceeds this; 0B for never.',
  }),
  spec('rotate.jitter', {
    kind: ratio(),
    group,
    default: 0.1,
    help: "Raises each worker's rotation limits by a random share of up to this, so that they spread.",
  }),
  spec('heartbeat.interval', {
    kind: duration({ above: 0 }),
    group,
    default: '1s',
    help: 'How often a worker shows that its event loop turns.',
  }),
  spec('heartbeat.stuckAfter', {
    kind: duration({ above: 0 }),
    group,
    default: '10s',
    help: 'Replaces a worker that was silent for so long; above heartbeat.interval.',
  }),
  spec('crash.backoffBase', {
    kind: duration(),
    group,
    default: '200ms',
    help: 'First wait before a crashed worker is replaced; it doubles with each crash.',
  }),
  spec('crash.backoffCap', {
    kind: duration(),
    group,
    default: '30s',
    help: 'Longest wait before a crashed worker is replaced.',
  }),
  spec('crash.giveUpAfter', {
    kind: integer({ least: 0 }),
    group,
    default: 0,
    help: 'Ends after so many crashes in a row; 0 for never.',
  }),
  spec('compute.threads', {
    kind: integerOrAuto(),
    group,
    default: 'auto',
    help: 'Threads for app.compute in each worker; auto follows the granted cores.',
  }),
  spec('compute.queue', {
    kind: integer({ least: 0 }),
    group,
    default: 64,
    help: 'Tasks of app.compute that may wait for a thread; more are refused.',
  }),
]
