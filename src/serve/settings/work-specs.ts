import { choice, duration, integer, type Kind, list, url } from './kind.ts'
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
  spec('work.lease', {
    kind: duration({ above: 999 }),
    group,
    default: '30s',
    help: 'How long the work of a process that was lost waits for another one; at least 1s.',
  }),
  spec('work.auditKeep', {
    kind: duration({ above: 0 }),
    group,
    default: '90d',
    help: 'How long it is kept what people did with dead letters of jobs that are gone.',
  }),
  spec('work.streams', {
    kind: integer({ least: 0 }),
    group,
    default: 1_000,
    help: 'How many clients of a process may hear of their jobs as events (text/event-stream) at once.',
  }),
  spec('broker.urls', {
    kind: list(url({ protocols: ['nats:', 'tls:', 'amqp:', 'amqps:', 'kafka:'] }) as Kind<string>),
    group,
    default: [],
    commonEnv: 'BROKER_URL',
    help:
      'Where events are published: servers of one NATS, RabbitMQ or Kafka. Without any the outbox is the log.',
  }),
  spec('events.keep', {
    kind: duration({ above: 0 }),
    group,
    default: '7d',
    help:
      'How long emitted events are kept for those who come later; what somebody has yet to read is kept longer.',
  }),
  spec('events.forsakeAfter', {
    kind: duration(),
    group,
    default: '0s',
    help:
      'A reader of events that was not heard of for so long is given up: events that it has not read are dropped when their ' +
      'time has come; 0s for never, and the log grows until the reader is back or its checkpoint is removed.',
  }),
  spec('exports.store', {
    kind: url({ protocols: ['file:', 's3:'] }),
    group,
    help:
      'Where files of exports lie: file:///folder, or s3://KEY:SECRET@bucket/prefix?endpoint=URL&region=NAME; ' +
      'a folder of stateDirectory without. All machines need the same.',
  }),
]
