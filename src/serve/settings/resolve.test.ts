import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { ConfigFileError, SettingsError } from './errors.ts'
import { findConfigFile } from './from-file.ts'
import {
  type ResolvedSettings,
  type ResolveOptions,
  resolveSettings,
  showSetting,
  withoutSecrets,
} from './resolve.ts'
import { settingSpecs } from './specs.ts'

test('without anything given every setting has its default, in milliseconds and bytes', async () => {
  const { settings, origins } = await resolveSettings({})
  assert.deepEqual(settings.listen, ['127.0.0.1:3000'])
  assert.equal(settings.drain.grace, 30_000)
  assert.equal(settings.limits.bodySize, 1_048_576)
  assert.equal(settings.workers, 'auto')
  assert.equal(settings.database.url, undefined)
  assert.deepEqual(new Set(Object.values(origins)), new Set(['default']))
  assert.deepEqual(Object.keys(origins), settingSpecs.map(({ key }) => key))
})

test('settings survive JSON', async () => {
  const { settings } = await resolveSettings({ mode: 'dev', flags: { 'redis-url': 'redis://127.0.0.1' } })
  assert.deepEqual(JSON.parse(JSON.stringify(settings)), withoutUndefined(settings))
})

test('a flag wins over the environment, that over the file, that over the default', async () => {
  await using directory = await directoryWith({
    'plimsoll.config.ts': `export default { workers: 2, backlog: 7, drain: { grace: '3s' }, http2: false }`,
  })
  const { settings, origins, places } = await resolveSettings({
    flags: { workers: '4' },
    env: { PLIMSOLL_WORKERS: '3', PLIMSOLL_BACKLOG: '9' },
    configFile: directory.file('plimsoll.config.ts'),
  })
  assert.equal(settings.workers, 4)
  assert.equal(settings.backlog, 9)
  assert.equal(settings.drain.grace, 3_000)
  assert.deepEqual([origins.workers, origins.backlog, origins['drain.grace'], origins['boot.timeout']], [
    'flag',
    'environment',
    'file',
    'default',
  ])
  assert.equal(places.workers, '--workers')
  assert.equal(places.backlog, 'PLIMSOLL_BACKLOG')
  assert.match(places['drain.grace'], /plimsoll\.config\.ts$/)
})

test("common variables are honoured, and weaker than Plimsoll's own", async () => {
  const env = {
    DATABASE_URL: 'postgres://a/b',
    REDIS_URL: 'redis://r',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://o:4318',
  }
  const { settings } = await resolveSettings({ env })
  assert.equal(settings.database.url, 'postgres://a/b')
  assert.equal(settings.redis.url, 'redis://r')
  assert.equal(settings.trace.otlp, 'http://o:4318')
  const both = await resolveSettings({ env: { ...env, PLIMSOLL_DATABASE_URL: 'postgres://c/d' } })
  assert.equal(both.settings.database.url, 'postgres://c/d')
})

test('PORT means every interface when serving, this machine in dev, and nothing when listen is given', async () => {
  const env = { PORT: '8080' }
  const serve = await resolveSettings({ env })
  assert.deepEqual(serve.settings.listen, ['0.0.0.0:8080'])
  assert.equal(serve.origins.listen, 'environment')
  assert.deepEqual((await resolveSettings({ env, mode: 'dev' })).settings.listen, ['127.0.0.1:8080'])
  const given = await resolveSettings({ env, flags: { listen: ['127.0.0.1:1'] } })
  assert.deepEqual(given.settings.listen, ['127.0.0.1:1'])
  await refusal({ env: { PORT: 'tcp://10.0.0.1:80' } }, /listen must be HOST:PORT.*\(PORT\)/)
})

test('dev and Kubernetes have defaults of their own', async () => {
  const dev = await resolveSettings({ mode: 'dev' })
  assert.equal(dev.settings.workers, 1)
  assert.equal(dev.settings.openapi.page, true)
  assert.equal(dev.settings.database.url, 'embedded')
  const given = await resolveSettings({ mode: 'dev', env: { DATABASE_URL: 'postgres://a/b' } })
  assert.equal(given.settings.database.url, 'postgres://a/b')
  const pod = await resolveSettings({ env: { KUBERNETES_SERVICE_HOST: '10.0.0.1' } })
  assert.equal(pod.settings.drain.delay, 5_000)
  assert.deepEqual(pod.settings.listen, ['0.0.0.0:3000'])
  assert.equal(pod.settings.admin, '0.0.0.0:3001')
})

test('everything that is wrong is told at once, each with setting, place, rule and value', async () => {
  await using directory = await directoryWith({
    'plimsoll.config.ts': `export default { drain: { graze: '1s' }, compute: { queue: 'many' } }`,
  })
  const error = await refusal({
    flags: { 'drain-grace': '5', 'wrokers': '2' },
    env: { PLIMSOLL_TRACE_SAMPLE: '2' },
    configFile: directory.file('plimsoll.config.ts'),
  })
  assert.equal(error.code, 'SETTINGS_INVALID')
  assert.deepEqual(
    error.errors.map(({ setting, place, value }) => [setting, place.split('/').at(-1), value]),
    [
      ['--wrokers', 'command line', '2'],
      ['drain.graze', 'plimsoll.config.ts', '1s'],
      ['drain.grace', '--drain-grace', '5'],
      ['trace.sample', 'PLIMSOLL_TRACE_SAMPLE', 2],
      ['compute.queue', 'plimsoll.config.ts', 'many'],
    ]
  )
  assert.match(error.message, /^5 settings are wrong:\n/)
  assert.match(error.message, /--wrokers is not a flag; did you mean --workers\?/)
  assert.match(error.message, /drain\.graze is not a setting; did you mean drain\.grace\?/)
  assert.match(error.message, /drain\.grace must be a duration such as .*, got "5" \(--drain-grace\)/)
})

test('a section that is not an object, and an object that is no section, are wrong', async () => {
  await using directory = await directoryWith({
    'a.config.ts': `export default { drain: '30s' }`,
    'b.config.ts': `export default { workers: { count: 2 } }`,
    'c.config.ts': `export default { 'drain.grace': null }`,
  })
  await refusal({ configFile: directory.file('a.config.ts') }, /drain must be an object with drain\.delay, /)
  await refusal({ configFile: directory.file('b.config.ts') }, /workers must be a whole number/)
  await refusal({ configFile: directory.file('c.config.ts') }, /drain\.grace must be a duration .*, got null/)
})

const contradictions: [claim: string, flags: Record<string, string | boolean | string[]>, message: RegExp][] =
  [
    ['a key without a certificate', { 'tls-key': 'k' }, /tls\.cert must be given together with tls\.key/],
    ['a certificate without a key', { 'tls-cert': 'c' }, /tls\.key must be given together with tls\.cert/],
    ['HTTP/2 without TLS', { http2: true }, /http2 must be false without tls\.key and tls\.cert, got true/],
    [
      'an idle time above the grace',
      { 'drain-idle': '9s', 'drain-grace': '5s' },
      /drain\.idle .* at most drain\.grace/,
    ],
    [
      'a stuck worker before its heartbeat',
      { 'heartbeat-stuck-after': '1s' },
      /above heartbeat\.interval \(1s\)/,
    ],
    [
      'readers of events that are given up while a process is away for a deploy',
      { 'events-forsake-after': '5m' },
      /events\.forsakeAfter must be 0s \(never\) or at least 1h/,
    ],
    [
      'admin where the service listens',
      { admin: '127.0.0.1:3000' },
      /admin must be another address than listen/,
    ],
    [
      'admin on a port that a wildcard takes',
      { listen: ['0.0.0.0:3001'] },
      /admin must be another .*\(--listen\)/,
    ],
    [
      'one address twice',
      { listen: ['unix:a', 'unix:a'] },
      /listen must be addresses that can be bound side/,
    ],
    [
      'headers slower than the request',
      { 'limits-headers-timeout': '2m' },
      /at most limits\.requestTimeout \(1m\)/,
    ],
  ]
for (const [claim, flags, message] of contradictions) {
  test(`${claim} is refused`, async () => {
    await refusal({ flags }, message)
  })
}

test('values that do not contradict each other pass: port 0 twice, a grace below the default idle time', async () => {
  await resolveSettings({ flags: { listen: ['127.0.0.1:0', '127.0.0.1:0'], admin: '127.0.0.1:0' } })
  const { settings } = await resolveSettings({ flags: { 'drain-grace': '0s' } })
  assert.equal(settings.drain.idle, 0)
})

test('a password is never shown, neither in a value nor in the message about a wrong one', async () => {
  const flags = { 'database-url': 'postgres://shop:s3cret@db/shop?sslpassword=s3cret&sslmode=require' }
  const { settings } = await resolveSettings({ flags })
  assert.equal(
    showSetting(settings, 'database.url'),
    'postgres://shop:***@db/shop?sslpassword=***&sslmode=require'
  )
  assert.doesNotMatch(JSON.stringify(withoutSecrets(settings)), /s3cret/)
  assert.deepEqual(withoutSecrets(settings).drain, settings.drain)
  const wrong = await refusal({ flags: { 'database-url': 'postgress://shop:s3cret@db/shop' } })
  const hopeless = await refusal({ flags: { 'database-url': 'shop:s3cret@db' } })
  for (const { message, errors } of [wrong, hopeless]) {
    assert.doesNotMatch(JSON.stringify([message, errors]), /s3cret/)
  }
})

test("a misspelt variable is a warning, and Kubernetes' own are not", async () => {
  const { warnings } = await resolveSettings({
    env: {
      PLIMSOLL_WORKER: '2',
      PLIMSOLL_SERVICE_HOST: '10.0.0.1',
      PLIMSOLL_PORT_80_TCP: 'tcp://10.0.0.1:80',
    },
  })
  assert.deepEqual(warnings, ['PLIMSOLL_WORKER is not a setting; did you mean PLIMSOLL_WORKERS?'])
})

for (const [kind, start] of [['an ES module', 'export default'], ['CommonJS', 'module.exports =']] as const) {
  test(`a config file that is ${kind} is loaded anew each time`, async () => {
    await using directory = await directoryWith({ 'plimsoll.config.js': `${start} { workers: 2 }` })
    const configFile = directory.file('plimsoll.config.js')
    assert.equal((await resolveSettings({ configFile })).settings.workers, 2)
    await writeFile(configFile, `${start} { workers: 5 }`)
    assert.equal((await resolveSettings({ configFile })).settings.workers, 5)
  })
}

test('a config file that cannot be loaded is named with its line and what is wrong', async () => {
  await using directory = await directoryWith({
    'throws.ts': `export default {}\nthrow new Error('no luck')`,
    'common.js': `const a = 1\nthrow new Error('no luck')`,
    'syntax.ts': 'export default {',
    'enum.ts': 'enum A { B }\nexport default {}',
    'empty.ts': 'export const workers = 2',
  })
  const failure = (name: string, message: RegExp): Promise<void> =>
    assert.rejects(resolveSettings({ configFile: directory.file(name) }), (error) => {
      assert.ok(error instanceof ConfigFileError)
      assert.match(error.message, message)
      return true
    })
  await failure('throws.ts', /throws\.ts:2 cannot be loaded: no luck/)
  await failure('common.js', /common\.js:2 cannot be loaded: no luck/)
  await failure('syntax.ts', /syntax\.ts:1 cannot be loaded: /)
  await failure('enum.ts', /enum\.ts:1 cannot be loaded: .*enum/)
  await failure('empty.ts', /empty\.ts must export an object by default/)
  await failure('none.ts', /none\.ts does not exist/)
})

test('one config file is found, none is fine, two are refused', async () => {
  await using none = await directoryWith({})
  await using one = await directoryWith({ 'plimsoll.config.mjs': '' })
  await using two = await directoryWith({ 'plimsoll.config.ts': '', 'plimsoll.config.js': '' })
  assert.equal(findConfigFile(none.path), undefined)
  assert.equal(findConfigFile(one.path)?.href, one.file('plimsoll.config.mjs').href)
  assert.throws(
    () => findConfigFile(two.path),
    /plimsoll\.config\.ts and plimsoll\.config\.js are both there/
  )
})

/** What resolving throws, which must be a SettingsError. */
async function refusal (options: ResolveOptions, message: RegExp = /./): Promise<SettingsError> {
  try {
    await resolveSettings(options)
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    assert.match(error.message, message)
    return error
  }
  return assert.fail('nothing was refused')
}

function withoutUndefined (settings: ResolvedSettings['settings']): unknown {
  return JSON.parse(JSON.stringify(settings, (_, value: unknown) => value))
}

interface TestDirectory extends AsyncDisposable {
  readonly path: string
  file(name: string): URL
}

async function directoryWith (files: Record<string, string>): Promise<TestDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'plimsoll-settings-'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
  return {
    path,
    file: (name) => pathToFileURL(join(path, name)),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  }
}

test('what only works behind requests listens nowhere, and its admin port stands beside that of the service', async () => {
  const work = await resolveSettings({ mode: 'work', env: { PORT: '8080' } })
  assert.equal(work.settings.role, 'work')
  assert.deepEqual(work.settings.listen, [])
  assert.equal(work.settings.admin, '127.0.0.1:3002')
  const both = await resolveSettings({ mode: 'work', flags: { role: 'all', listen: ['127.0.0.1:80'] } })
  assert.deepEqual(both.settings.listen, ['127.0.0.1:80'])
  assert.equal((await resolveSettings({})).settings.role, 'all')
})
