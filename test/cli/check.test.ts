import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runCommand, workspace } from './command.fixture.ts'

const face = fileURLToPath(new URL('../../src/index.ts', import.meta.url))
const shop = `import { defineService } from '${face}'
const migrations = new URL('./migrations/', import.meta.url)
export default defineService({
  name: 'shop',
  version: '2.1.0',
  database: { schema: 'shop', migrations },
  redis: true,
  routes (app) {
    const { data, redis } = app
    app.get('/', async () => (await data.query('select 1')).rows)
    app.get('/cache', async () => redis.ping())
  },
  warm () { throw new Error('check must not warm') },
})`

interface Report {
  readonly ok: boolean
  readonly checks: readonly { readonly name: string; readonly status: string; readonly message: string }[]
}

async function check (
  files: Record<string, string>,
  ...args: string[]
): Promise<{ exitCode: number | null; report: Report }> {
  await using place = await workspace(files)
  const { exitCode, stdout, stderr } = await runCommand(['check', '--json', ...args], place)
  assert.equal(stderr, '')
  return { exitCode, report: JSON.parse(stdout) as Report }
}

function statuses ({ checks }: Report): Record<string, string> {
  return Object.fromEntries(checks.map(({ name, status }) => [name, status]))
}

test('a good module passes with 0; what it does not use is skipped', async () => {
  const { exitCode, report } = await check({
    'app.mjs': `export default async (app) => { app.get('/', () => 1) }`,
  }, 'app.mjs')
  assert.equal(exitCode, 0)
  assert.equal(report.ok, true)
  assert.deepEqual(statuses(report), {
    settings: 'ok',
    module: 'ok',
    tls: 'skipped',
    routes: 'ok',
    database: 'skipped',
    redis: 'skipped',
  })
})

test('routes compile without a database; that it cannot be reached is a check of its own', async () => {
  const flags = [
    '--database-url',
    'postgres://shop:s3cret@127.0.0.1:1/shop',
    '--redis-url',
    'redis://127.0.0.1:1',
  ]
  const { exitCode, report } = await check({ 'service.mjs': shop }, 'service.mjs', ...flags)
  assert.equal(exitCode, 1)
  assert.equal(report.ok, false)
  const { routes, database, redis } = statuses(report)
  assert.deepEqual([routes, database, redis], ['ok', 'failed', 'failed'])
  assert.match(
    JSON.stringify(report),
    /postgres at 127\.0\.0\.1:1\/shop is unavailable: nothing listens there/
  )
  assert.doesNotMatch(JSON.stringify(report), /s3cret/)
})

test('a declared database without a URL fails, and says what to set', async () => {
  const { report } = await check({ 'service.mjs': shop }, 'service.mjs')
  const database = report.checks.find(({ name }) => name === 'database')
  assert.equal(database?.status, 'failed')
  assert.match(database.message, /set database\.url \(--database-url or DATABASE_URL\)/)
})

test('wrong settings and a module that throws are both told, and nothing is checked that builds on them', async () => {
  const { exitCode, report } = await check(
    { 'app.mjs': `throw new Error('no luck')` },
    'app.mjs',
    '--workers',
    '0'
  )
  assert.equal(exitCode, 1)
  assert.deepEqual(statuses(report), { settings: 'failed', module: 'failed' })
  assert.match(report.checks[0]?.message ?? '', /workers must be a whole number .* \(--workers\)/)
  assert.match(report.checks[1]?.message ?? '', /threw while loading: no luck \(at .*app\.mjs:1:7\)/)
})

test('a schema that does not compile fails the routes', async () => {
  const module =
    `export default async (app) => app.get('/', { schema: { querystring: { type: 'strnig' } } }, () => 1)`
  const { exitCode, report } = await check({ 'app.mjs': module }, 'app.mjs')
  assert.equal(exitCode, 1)
  assert.equal(statuses(report)['routes'], 'failed')
})

test('the shop, which is all that a service can be, compiles as far as it can without a database', async () => {
  await using place = await workspace({})
  const service = fileURLToPath(new URL('../../examples/shop/service.ts', import.meta.url))
  const { stdout } = await runCommand(['check', service, '--json'], place)
  const report = JSON.parse(stdout) as Report
  const routes = report.checks.find(({ name }) => name === 'routes')
  // Its resources compare themselves with their tables.
  assert.deepEqual(routes, {
    name: 'routes',
    status: 'skipped',
    message: 'routes call app.data.query while they are declared, so they compile at the start only',
  })
})

test('a key that cannot be read fails', async () => {
  const files = { 'app.mjs': 'export default async () => {}', 'cert.pem': 'x' }
  const { report } = await check(files, 'app.mjs', '--tls-key', 'key.pem', '--tls-cert', 'cert.pem')
  assert.equal(statuses(report)['tls'], 'failed')
  assert.match(JSON.stringify(report), /tls\.key: key\.pem cannot be read/)
})

test('for people, a line each', async () => {
  await using place = await workspace({ 'app.mjs': 'export default async () => {}' })
  const { stdout } = await runCommand(['check', 'app.mjs'], place)
  assert.match(stdout, /^ok +module +app\.mjs is the service "app" 0\.0\.0$/m)
})
