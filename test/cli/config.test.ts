import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { settingKeys } from '../../src/serve/settings/index.ts'
import { runCommand, workspace } from './command.fixture.ts'

const face = fileURLToPath(new URL('../../src/index.ts', import.meta.url))

test('config shows every setting, its value, and the flag, variable or file that it comes from', async () => {
  await using place = await workspace({
    'plimsoll.config.ts': `import { defineConfig } from 'plimsoll'
export default defineConfig({ drain: { grace: '7s' } })`.replace("'plimsoll'", `'${face}'`),
  })
  const { exitCode, stdout, stderr } = await runCommand(['config', '--workers', '3', '--listen', '[::1]:0'], {
    ...place,
    env: { DATABASE_URL: 'postgres://shop:s3cret@db/shop' },
  })
  assert.deepEqual([exitCode, stderr], [0, ''])
  for (const key of settingKeys) assert.match(stdout, new RegExp(`^  ${key.replace('.', '\\.')} `, 'm'))
  assert.match(stdout, /^ {2}workers +3 +--workers$/m)
  assert.match(stdout, /^ {2}listen +\[::1\]:0 +--listen$/m)
  assert.match(stdout, /^ {2}drain\.grace +7s +plimsoll\.config\.ts$/m)
  assert.match(stdout, /^ {2}database\.url +postgres:\/\/shop:\*\*\*@db\/shop +DATABASE_URL$/m)
  assert.match(stdout, /^ {2}backlog +511 +default$/m)
  assert.doesNotMatch(stdout, /s3cret/)
  assert.ok(!stdout.includes('\u001b'))
})

test('config --json is one document, numbers as numbers, passwords hidden', async () => {
  await using place = await workspace()
  const { stdout } = await runCommand(['config', '--json', '--dev', '--no-openapi-page'], {
    ...place,
    env: { REDIS_URL: 'redis://:s3cret@cache', PLIMSOLL_WORKER: '2' },
  })
  const document = JSON.parse(stdout) as {
    mode: string
    settings: {
      workers: number
      openapi: { page: boolean }
      drain: { grace: number }
      redis: { url: string }
    }
    origins: Record<string, string>
    warnings: string[]
  }
  const { mode, settings, origins, warnings } = document
  assert.equal(mode, 'dev')
  assert.deepEqual([settings.workers, settings.openapi.page, settings.drain.grace], [1, false, 30_000])
  assert.deepEqual([origins['workers'], origins['openapi.page'], origins['redis.url']], [
    'default',
    'flag',
    'environment',
  ])
  assert.deepEqual(warnings, ['PLIMSOLL_WORKER is not a setting; did you mean PLIMSOLL_WORKERS?'])
  assert.doesNotMatch(stdout, /s3cret/)
})

test('config --config takes another file, and says when it is not there', async () => {
  await using place = await workspace({ 'etc/other.mjs': 'export default { workers: 5 }' })
  const { stdout } = await runCommand(['config', '--config', 'etc/other.mjs'], place)
  assert.match(stdout, /^ {2}workers +5 +etc\/other\.mjs$/m)
  const missing = await runCommand(['config', '--config', 'none.ts'], place)
  assert.deepEqual([missing.exitCode, missing.stderr], [2, 'plimsoll: none.ts does not exist\n'])
})

test('config tells everything that is wrong in one message, and ends with 2', async () => {
  await using place = await workspace({
    'plimsoll.config.ts': `export default { drain: { graze: '1s' }, limits: { bodySize: '1 MB' } }`,
  })
  const { exitCode, stdout, stderr } = await runCommand(['config', '--drain-grace', '5'], {
    ...place,
    env: { PLIMSOLL_TLS_KEY: 'key.pem' },
  })
  assert.deepEqual([exitCode, stdout], [2, ''])
  assert.equal(stderr.split('\n').length, 6)
  assert.match(stderr, /^plimsoll: 4 settings are wrong:\n/)
  assert.match(stderr, /drain\.graze is not a setting; did you mean drain\.grace\? \(plimsoll\.config\.ts\)/)
  assert.match(stderr, /limits\.bodySize must be a size .*, got "1 MB" \(plimsoll\.config\.ts\)/)
  assert.match(stderr, /drain\.grace must be a duration .*, got "5" \(--drain-grace\)/)
  assert.match(stderr, /tls\.cert must be given together with tls\.key, got nothing \(PLIMSOLL_TLS_KEY\)/)
})

test('a config file that throws is named with the line and its message', async () => {
  await using place = await workspace({
    'plimsoll.config.ts': `export default {}\nthrow new Error('no luck')`,
  })
  const { exitCode, stderr } = await runCommand(['config'], place)
  assert.deepEqual([exitCode, stderr], [2, 'plimsoll: plimsoll.config.ts:2 cannot be loaded: no luck\n'])
  const verbose = await runCommand(['config', '--verbose'], place)
  assert.match(verbose.stderr, /\[cause\]: Error: no luck/)
})

test('colour is for terminals, and for those who force it', async () => {
  await using place = await workspace()
  const { stdout } = await runCommand(['config'], { ...place, env: { FORCE_COLOR: '1' } })
  assert.ok(stdout.includes('\u001b[1mAddresses'))
  const plain = await runCommand(['config'], { ...place, env: { FORCE_COLOR: '0' } })
  assert.ok(!plain.stdout.includes('\u001b'))
})
