import assert from 'node:assert/strict'
import { after, before, beforeEach, test, type TestContext } from 'node:test'
import { requireEngine } from '../../../../test/engines.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { MetricsRegistry } from '../../../telemetry/index.ts'
import { EdgeHeaders, type EdgePolicyOptions } from '../policy/index.ts'
import { type EdgePurger, varnishPurger } from '../purge/index.ts'
import { type Origin, type OriginAnswer, startOrigin } from './origin.fixture.ts'
import { varnishVcl } from './varnish-vcl.ts'
import { type RunningVarnish, startVarnish } from './varnish.fixture.ts'

const token = 'only-for-these-tests'
const edge = new EdgeHeaders({ edges: ['varnish'], registry: new MetricsRegistry() })
const product: EdgePolicyOptions = {
  ttl: '1h',
  staleWhileRevalidate: '1h',
  scope: 'public',
  tags: ['product:{id}'],
}

let origin: Origin
let varnish: RunningVarnish | undefined
let purger: EdgePurger
let paths = 0

before(async () => {
  origin = await startOrigin()
})
after(async () => {
  await varnish?.close()
  await origin[Symbol.asyncDispose]()
})
beforeEach(() => {
  ;(origin.requests as unknown[]).length = 0
})

/** One varnishd for all tests, each with paths of its own. */
async function ready (t: TestContext): Promise<boolean> {
  if (requireEngine(t, 'varnishd', 'apt-get install varnish varnish-modules') === undefined) return false
  if (varnish !== undefined) return true
  varnish = await startVarnish(varnishVcl({
    backend: { host: '127.0.0.1', port: origin.port },
    publicRoutes: ['/products/:id'],
    keyHeaders: ['x-tenant'],
    trusted: ['127.0.0.1'],
    locales: ['en', 'de'],
    purgeToken: token,
  }))
  purger = varnishPurger({ instances: [varnish.url], token })
  return true
}

const newPath = (): string => `/products/${++paths}`

async function get (
  path: string,
  headers: Record<string, string> = {}
): Promise<Response & { text: string }> {
  const response = await fetch(`${varnish!.url}${path}`, { headers })
  return Object.assign(response, { text: await response.text() }) as unknown as Response & { text: string }
}

/** An answer with the headers of a policy. */
function answerBy (
  policy: EdgePolicyOptions,
  body: string,
  tags: readonly string[] = [],
  extra: string[] = []
): OriginAnswer {
  return {
    headers: [...edge.route('GET /products/:id', policy).headersFor({ status: 200, tags }).flat(), ...extra],
    body,
  }
}

test('a public response is fetched once, says its age and where it came from, and shows no header of the edge', async (t) => {
  if (!await ready(t)) return
  const path = newPath()
  origin.answer = () =>
    answerBy(product, 'one', ['product:1'], ['cache-status', 'plimsoll; fwd=miss', 'age', '7'])
  assert.equal((await get(path)).text, 'one')
  const hit = await get(path)
  assert.equal(hit.text, 'one')
  assert.equal(origin.requests.length, 1)
  assert.ok(Number(hit.headers.get('age')) >= 7, String(hit.headers.get('age')))
  assert.equal(hit.headers.get('cache-status'), 'plimsoll; fwd=miss, varnish; hit')
  assert.equal(hit.headers.get('cache-control'), 'public, no-cache')
  for (const name of ['surrogate-key', 'xkey', 'cdn-cache-control', 'x-plimsoll-swr']) {
    assert.equal(hit.headers.get(name), null, name)
  }
})

test('a soft purge by key: the old copy is served once while it is refreshed in the background', async (t) => {
  if (!await ready(t)) return
  const [path, other] = [newPath(), newPath()]
  let body = 'old'
  const gate = Promise.withResolvers<void>()
  origin.answer = async () => {
    if (body === 'new') await gate.promise
    return answerBy(product, body, ['shelf', `of${path}`])
  }
  await get(path)
  await get(other)
  body = 'new'
  await purger.purge([edge.keys.of(`of${path}`)], 'soft')
  // What the VCL notes for itself is not for a client to say.
  const stale = await get(path, { 'x-plimsoll-stale': 'serve' })
  assert.equal(stale.text, 'old')
  assert.equal(stale.headers.get('cache-status'), 'varnish; hit; detail=stale')
  await waitUntil('the refresh is under way', () => origin.requests.length === 3)
  assert.equal((await get(path)).text, 'old', 'nobody waits for the refresh')
  gate.resolve()
  await waitUntil('it is fresh', async () => (await get(path)).text === 'new')
  assert.equal(origin.requests.length, 3, 'one refresh')
})

test('a hard purge by key: the old copy is gone, and only those with the key', async (t) => {
  if (!await ready(t)) return
  const [path, other] = [newPath(), newPath()]
  origin.answer = ({ url }) => answerBy(product, 'old', [`of${url}`, 'all of them'])
  await get(path)
  await get(other)
  origin.answer = () => answerBy(product, 'new', [])
  await purger.purge([edge.keys.of(`of${path}`)], 'hard')
  assert.equal((await get(path)).text, 'new')
  assert.equal((await get(other)).text, 'old')
})

test('a response on its way during a purge is kept after it: the repetition of the purge ends that', async (t) => {
  if (!await ready(t)) return
  const path = newPath()
  const gate = Promise.withResolvers<void>()
  origin.answer = async () => {
    const made = answerBy(product, 'old', [`of${path}`])
    await gate.promise
    return made
  }
  const onItsWay = get(path)
  await waitUntil('it has been asked for', () => origin.requests.length === 1)
  origin.answer = () => answerBy(product, 'new', [`of${path}`])
  await purger.purge([edge.keys.of(`of${path}`)], 'hard')
  gate.resolve()
  assert.equal((await onItsWay).text, 'old')
  assert.equal((await get(path)).text, 'old', 'what the first purge could not reach')
  await purger.purge([edge.keys.of(`of${path}`)], 'hard')
  assert.equal((await get(path)).text, 'new')
})

test('a copy that was revalidated by 304 keeps its keys', async (t) => {
  if (!await ready(t)) return
  const path = newPath()
  origin.answer = ({ headers }) =>
    headers['if-none-match'] === '"1"' ?
      {
        status: 304,
        headers: { etag: '"1"', 'cdn-cache-control': 'max-age=3600, stale-while-revalidate=3600' },
      } :
      answerBy(product, 'old', [`of${path}`], ['etag', '"1"'])
  await get(path)
  await purger.purge([edge.keys.of(`of${path}`)], 'soft')
  await get(path)
  await waitUntil('it is fresh', async () => (await get(path)).headers.get('cache-status') === 'varnish; hit')
  assert.equal(origin.requests[1]?.headers['if-none-match'], '"1"')
  origin.answer = () => answerBy(product, 'new')
  await purger.purge([edge.keys.of(`of${path}`)], 'hard')
  assert.equal((await get(path)).text, 'new')
})

test('a copy whose time is over, and that may not be served stale, is still good to ask by', async (t) => {
  if (!await ready(t)) return
  const path = newPath()
  const strict: EdgePolicyOptions = { ttl: '1h', scope: 'public', tags: ['x'] }
  origin.answer = ({ headers }) =>
    headers['if-none-match'] === '"1"' ?
      { status: 304, headers: { etag: '"1"', 'cdn-cache-control': 'max-age=3600' } } :
      answerBy(strict, 'whole', [`of${path}`], ['etag', '"1"'])
  await get(path)
  await purger.purge([edge.keys.of(`of${path}`)], 'soft')
  assert.equal((await get(path)).text, 'whole')
  assert.equal(origin.requests[1]?.headers['if-none-match'], '"1"')
})

test('only who may purge does: the token is asked for', async (t) => {
  if (!await ready(t)) return
  const path = newPath()
  origin.answer = () => answerBy(product, 'kept', ['kept'])
  await get(path)
  const response = await fetch(varnish!.url, { method: 'PURGE', headers: { 'surrogate-key': 'kept' } })
  assert.equal(response.status, 403)
  await get(path)
  assert.equal(origin.requests.length, 1)
  const wrong = varnishPurger({ instances: [varnish!.url], token: 'another-wrong-token' })
  await assert.rejects(wrong.purge(['kept'], 'hard'), {
    code: 'EDGE_PURGE_FAILED',
    failure: 'refused',
    status: 403,
  })
})

test('a private response is never kept, whatever asks for it', async (t) => {
  if (!await ready(t)) return
  const path = '/me'
  for (const scope of ['user', 'tenant'] as const) {
    ;(origin.requests as unknown[]).length = 0
    origin.answer = () => answerBy({ ttl: '1h', scope }, `for one ${scope}`)
    for (let i = 0; i < 3; i++) await get(path)
    assert.equal(origin.requests.length, 3, scope)
  }
})

const notToBeKept: Record<string, readonly string[]> = {
  'says nothing': [],
  'sets a cookie': ['cdn-cache-control', 'max-age=60', 'set-cookie', 'a=1'],
  'varies on everything': ['cdn-cache-control', 'max-age=60', 'vary', '*'],
  'is private': ['cache-control', 'Private, max-age=60'],
  'is to be asked for each time': ['cache-control', 'max-age=60, no-cache'],
  'is private for CDNs, where all others may keep it': [
    'cache-control',
    'max-age=60',
    'cdn-cache-control',
    'private, max-age=60',
  ],
  'is no number of seconds old at most': ['cache-control', 'max-age=x'],
}

test('what does not allow it is not kept', async (t) => {
  if (!await ready(t)) return
  for (const [what, headers] of Object.entries(notToBeKept)) {
    ;(origin.requests as unknown[]).length = 0
    origin.answer = () => ({ headers, body: 'x' })
    const path = newPath()
    await get(path)
    await get(path)
    assert.equal(origin.requests.length, 2, `what ${what}`)
  }
})

test('credentials go through to the origin, and their answers are not kept; a public route loses its cookies', async (t) => {
  if (!await ready(t)) return
  origin.answer = () => answerBy(product, 'x')
  for (
    const headers of [{ authorization: 'Bearer a' }, { cookie: 'session=1' }] as Record<string, string>[]
  ) {
    ;(origin.requests as unknown[]).length = 0
    await get('/search', headers)
    await get('/search', headers)
    assert.equal(origin.requests.length, 2, Object.keys(headers).join())
  }
  ;(origin.requests as unknown[]).length = 0
  const path = newPath()
  await get(path, { cookie: 'session=1' })
  await get(path, { cookie: 'session=2' })
  assert.equal(origin.requests.length, 1)
  assert.equal(origin.requests[0]?.headers.cookie, undefined)
  await get(`${path}/reviews`, { cookie: 'session=1' })
  assert.equal(origin.requests[1]?.headers.cookie, 'session=1', 'another route keeps them')
})

test('two tenants never share a copy; a language has one', async (t) => {
  if (!await ready(t)) return
  origin.answer = ({ headers }) =>
    answerBy(
      { ttl: '1h', scope: 'tenant', locales: ['en', 'de'], cdn: { keyedBy: ['x-tenant'] } },
      `${headers['x-tenant']} ${headers['accept-language']}`
    )
  const path = '/shelf'
  assert.equal(
    (await get(path, { 'x-tenant': 'a', 'accept-language': 'de-AT,de;q=0.9,en;q=0.8' })).text,
    'a de'
  )
  assert.equal((await get(path, { 'x-tenant': 'a', 'accept-language': 'fr, de' })).text, 'a de')
  assert.equal(origin.requests.length, 1)
  assert.equal((await get(path, { 'x-tenant': 'b', 'accept-language': 'de' })).text, 'b de')
  assert.equal((await get(path, { 'x-tenant': 'b', 'accept-language': 'den' })).text, 'b en')
  assert.equal((await get(path, { 'accept-language': 'de' })).text, 'undefined de')
  // The key itself holds the tenant: a response that forgets to vary is kept apart all the same.
  origin.answer = ({ headers }) => ({
    headers: ['cdn-cache-control', 'max-age=60'],
    body: String(headers['x-tenant']),
  })
  for (const tenant of ['a', 'b', 'a'])
    assert.equal((await get('/forgets', { 'x-tenant': tenant })).text, tenant)
})

test('a failing origin: what is stale is served as long as stale-if-error allows, and a failure is not kept', async (t) => {
  if (!await ready(t)) return
  const path = newPath()
  origin.answer = () =>
    answerBy({ ttl: '1h', staleIfError: '1h', scope: 'public', tags: ['x'] }, 'old', [`of${path}`])
  await get(path)
  origin.answer = () => ({
    status: 503,
    headers: edge.route('r', product).headersFor({ status: 503 }).flat(),
    body: 'down',
  })
  await purger.purge([edge.keys.of(`of${path}`)], 'soft')
  for (let i = 0; i < 3; i++) {
    const stale = await get(path)
    assert.deepEqual([stale.status, stale.text], [200, 'old'])
  }
  assert.equal(origin.requests.length, 4, 'one try a request, none for the copy that is served instead')
  assert.equal((await get(newPath())).status, 503)
  origin.answer = () => answerBy(product, 'back')
  assert.equal((await get(path)).text, 'back')
})

test('an origin that does not answer at all: what is stale is served, and what is not there fails', async (t) => {
  if (!await ready(t)) return
  const path = newPath()
  origin.answer = () =>
    answerBy({ ttl: '1h', staleIfError: '1h', scope: 'public', tags: ['x'] }, 'old', [`of${path}`])
  await get(path)
  await purger.purge([edge.keys.of(`of${path}`)], 'soft')
  origin.answer = ({ socket }) => {
    socket.destroy()
    return answerBy(product, '')
  }
  for (let i = 0; i < 2; i++) assert.equal((await get(path)).text, 'old')
  assert.equal((await get(newPath())).status, 503)
})

test('when its time is over, a copy is served stale once more while it is refreshed, and the age starts anew', async (t) => {
  if (!await ready(t)) return
  const path = newPath()
  const short: EdgePolicyOptions = { ...product, cdn: { ttl: '1s', staleWhileRevalidate: '1h' } }
  origin.answer = () => answerBy(short, 'old')
  await get(path)
  origin.answer = () => answerBy(short, 'new')
  let last = await get(path)
  await waitUntil('its time is over', async () => {
    last = await get(path)
    return last.headers.get('cache-status') !== 'varnish; hit'
  })
  assert.deepEqual([last.text, last.headers.get('cache-status')], ['old', 'varnish; hit; detail=stale'])
  assert.ok(Number(last.headers.get('age')) >= 1)
  await waitUntil('it is fresh', async () => (last = await get(path)).text === 'new')
  assert.equal(last.headers.get('age'), '0')
})

test('the age that a response comes with counts: an old one is stale from the start', async (t) => {
  if (!await ready(t)) return
  const path = newPath()
  const aged = (age: number): OriginAnswer => answerBy(product, String(age), [], ['age', String(age)])
  origin.answer = () => aged(3_601)
  await get(path)
  origin.answer = () => aged(3_500)
  assert.equal((await get(path)).headers.get('cache-status'), 'varnish; hit; detail=stale')
  await waitUntil('a younger one is there', async () => (await get(path)).text === '3500')
  assert.equal((await get(path)).headers.get('cache-status'), 'varnish; hit')
})

test('many that miss at once cost the origin one request', async (t) => {
  if (!await ready(t)) return
  const path = newPath()
  const gate = Promise.withResolvers<void>()
  origin.answer = async () => {
    await gate.promise
    return answerBy(product, 'one')
  }
  const answers = Promise.all(Array.from({ length: 30 }, () => get(path)))
  await waitUntil('the first is there', () => origin.requests.length > 0)
  gate.resolve()
  for (const { text } of await answers) assert.equal(text, 'one')
  assert.equal(origin.requests.length, 1)
})

test('without stale-while-revalidate nobody gets a stale copy while the origin works', async (t) => {
  if (!await ready(t)) return
  const path = newPath()
  origin.answer = () =>
    answerBy({ ttl: '1h', staleIfError: '1h', scope: 'public', tags: ['x'] }, 'old', [`of${path}`])
  await get(path)
  origin.answer = () => answerBy(product, 'new')
  await purger.purge([edge.keys.of(`of${path}`)], 'soft')
  assert.equal((await get(path)).text, 'new')
})

test('purging everything leaves nothing', async (t) => {
  if (!await ready(t)) return
  const path = newPath()
  origin.answer = () => answerBy(product, 'old')
  await get(path)
  await purger.purgeAll?.()
  origin.answer = () => answerBy(product, 'new')
  assert.equal((await get(path)).text, 'new')
})

test('no tag can add a key, end a header or fail a fetch; every key it gives can be purged', async (t) => {
  if (!await ready(t)) return
  for (const tag of ['a b', 'a,b', 'a\r\nx: y', '"q"', 'é\u0000\uD800', 'x'.repeat(5_000), '%', '']) {
    const path = newPath()
    origin.answer = () => answerBy(product, 'old', [tag, 'sure'])
    const first = await get(path)
    assert.equal(first.status, 200, tag)
    assert.equal(first.headers.get('x'), null)
    origin.answer = () => answerBy(product, 'new')
    await purger.purge(edge.keys.toPurge(['b', 'a']), 'hard')
    assert.equal((await get(path)).text, 'old', tag)
    await purger.purge(edge.keys.toPurge([tag]), 'hard')
    assert.equal((await get(path)).text, 'new', tag)
  }
})
