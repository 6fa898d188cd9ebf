import { choice, duration, integer, url } from './kind.ts'
import { type SettingGroup, type SettingSpec, spec } from './spec.ts'

const group: SettingGroup = 'Database and Redis'

/** What the service stands on. */
export const engineSpecs: readonly SettingSpec[] = [
  spec('database.url', {
    kind: url({ protocols: ['postgres:', 'postgresql:'], words: ['embedded'] }),
    group,
    defaultIn: { dev: 'embedded' },
    commonEnv: 'DATABASE_URL',
    help: 'PostgreSQL; embedded runs one, kept in stateDirectory.',
  }),
  spec('database.poolSize', {
    kind: integer({ least: 1 }),
    group,
    default: 10,
    help: 'Connections to the database for each worker.',
  }),
  spec('database.wait', {
    kind: duration({ above: 0 }),
    group,
    default: '5s',
    help: 'The longest wait for a connection; the deadline of the request may end it earlier.',
  }),
  spec('database.statementTimeouts', {
    kind: choice('session', 'off'),
    group,
    default: 'session',
    help:
      'Whether deadlines become statement timeouts of the session; off behind PgBouncer in transaction mode.',
  }),
  spec('database.seed', {
    kind: choice('auto', 'always', 'never'),
    group,
    default: 'auto',
    help: "Whether the service's seed follows its migrations; auto seeds an embedded database.",
  }),
  spec('redis.url', {
    kind: url({ protocols: ['redis:', 'rediss:'] }),
    group,
    commonEnv: 'REDIS_URL',
    help: 'Redis or Valkey.',
  }),
]
