import { choice, duration, integer, integerOrAuto, type Kind, list, url } from './kind.ts'
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
    kind: integerOrAuto(),
    group,
    default: 'auto',
    help:
      'Connections to the database for each worker; auto is 10, or fewer where the database has not so many for all.',
  }),
  spec('database.reserve', {
    kind: integerOrAuto({ least: 0 }),
    group,
    default: 'auto',
    help:
      'Connections of each worker that background work may not take, jobs say; auto is a third, or 1 in the role work.',
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
  spec('database.preparedStatements', {
    kind: choice('auto', 'off'),
    group,
    default: 'auto',
    help: 'Whether statements that come again are prepared; auto does not behind PgBouncer.',
  }),
  spec('database.machines', {
    kind: integer({ least: 1 }),
    group,
    default: 1,
    help: 'Machines that run the service: the boot checks that all of their pools fit into the database.',
  }),
  spec('database.watch', {
    kind: choice('fail', 'warn', 'sample', 'off'),
    group,
    default: 'sample',
    defaultIn: { dev: 'warn' },
    help:
      'What happens to statements that a request repeats (N+1): refused, told, told of some requests, or nothing.',
  }),
  spec('database.replicas', {
    kind: list(url({ protocols: ['postgres:', 'postgresql:'] }) as Kind<string>),
    group,
    default: [],
    help: 'Read replicas, for app.reads; each URL leads to one server.',
  }),
  spec('database.maxLag', {
    kind: duration({ above: 0 }),
    group,
    default: '10s',
    help: 'A replica that may be further behind gets no reads; at most 10m.',
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
