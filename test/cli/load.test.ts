import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ReportDocument } from '../../src/plan/load/report/index.ts'
import { runCommand, startCommand, workspace } from './command.fixture.ts'

interface Target extends AsyncDisposable {
  readonly url: string
  /** How many requests of each kind came: `GET /path`. */
  readonly seen: Map<string, number>
}

/** A server that counts what it is asked. */
async function target (
  listener: RequestListener = (_, response) => response.end('{"id":7}')
): Promise<Target> {
  const seen = new Map<string, number>()
  const server = createServer((request, response) => {
    const key = `${request.method} ${request.url}`
    seen.set(key, (seen.get(key) ?? 0) + 1)
    listener(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return {
    url: `http://127.0.0.1:${address.port}`,
    seen,
    async [Symbol.asyncDispose] () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A scenario as a package's user writes it, but for the import, which a folder elsewhere cannot resolve. */
function scenario (body: string): string {
  return `export default { [Symbol.for('plimsoll.load')]: true, ${body} }`
}

/** The generator's own lateness on a loaded machine must not decide what is tested here. */
const patient = ['--allow-lag', '10s'] as const
const brief = ['--duration', '1s', '--rate', '50', '--arrivals', 'constant', ...patient] as const

async function documentOf (args: readonly string[], files: Record<string, string> = {}): Promise<{
  readonly exitCode: number | null
  readonly document: ReportDocument
  readonly stderr: string
}> {
  await using place = await workspace(files)
  const { exitCode, stdout, stderr } = await runCommand(['load', ...args, '--json'], place)
  assert.notEqual(stdout, '', stderr)
  return { exitCode, document: JSON.parse(stdout) as ReportDocument, stderr }
}

test('help shows examples, flags and exit codes, and no settings', async () => {
  await using place = await workspace()
  const { exitCode, stdout } = await runCommand(['load', '--help'], place)
  assert.equal(exitCode, 0)
  assert.match(stdout, /^Examples:\n +plimsoll load http/m)
  for (const flag of ['--rate RATE', '--threshold RULE', '--no-probe', '--allow-remote', '--json']) {
    assert.ok(stdout.includes(`\n  ${flag} `), flag)
  }
  assert.match(stdout, /^ {2}4 +load: void/m)
  assert.doesNotMatch(stdout, /--workers|--config|Settings elsewhere/)
  assert.ok(stdout.split('\n').every((line) => line.length <= 102))
})

test('a URL is sent the requests that its flags say, and the document counts what the server saw', async () => {
  const bodies: string[] = []
  await using server = await target(async (request, response) => {
    bodies.push(
      `${request.headers['x-a']} ${request.headers['content-type']} ${await new Response(request).text()}`
    )
    response.end('ok')
  })
  const { exitCode, document, stderr } = await documentOf([
    `${server.url}/orders?a=1`,
    ...brief,
    '--method',
    'put',
    '--header',
    'x-a: 1',
    '--body',
    '{"id":7}',
  ])
  assert.equal(stderr, '')
  assert.notEqual(exitCode, 2)
  const { version, totals, requests, target: origin, load } = document
  assert.deepEqual([version, origin, load], [1, server.url, 'constant 50/s for 1s'])
  assert.equal(totals.due, 50)
  assert.equal(totals.expected, server.seen.get('PUT /orders?a=1'))
  assert.deepEqual(new Set(bodies), new Set(['1 application/json {"id":7}']))
  assert.deepEqual(requests.map(({ name }) => name), ['PUT /orders'])
  assert.ok(document.latency.p99Ms >= document.serviceTime.p50Ms)
})

test('thresholds decide the exit code, and the report shows what each came to', async () => {
  await using server = await target()
  await using place = await workspace()
  const met = await runCommand([
    'load',
    server.url,
    ...brief,
    '--threshold',
    'p99<10s',
    '--threshold',
    'errors<=0',
  ], place)
  assert.match(met.stdout, /^met {6}p99<10s +[\d.]+m?s$/m)
  assert.match(met.stdout, /\npassed: 2 of 2 thresholds met\n$/)
  assert.equal(met.exitCode, 0)
  const missed = await runCommand(['load', server.url, ...brief, '--threshold', 'rate>=5000/s'], place)
  assert.match(missed.stdout, /^not met {2}rate>=5000\/s {2}[\d.]+\/s$/m)
  assert.equal(missed.exitCode, 3)
})

test('answers that are not expected fail a run without thresholds only when there is no other', async () => {
  await using broken = await target((_, response) => response.writeHead(503).end())
  const all = await documentOf([broken.url, ...brief])
  assert.deepEqual([all.exitCode, all.document.state, all.document.totals.expected], [3, 'failed', 0])
  const expected = await documentOf([broken.url, ...brief, '--expect', '503'])
  assert.deepEqual([expected.exitCode, expected.document.state], [0, 'passed'])
})

test('progress tells failures by kind in plain lines, beside the report', async () => {
  await using broken = await target((_, response) => response.writeHead(503).end())
  await using place = await workspace()
  const { stdout, stderr } = await runCommand(['load', broken.url, ...brief], place)
  assert.match(
    stderr,
    /^50\/s, \ds of 1s, \ds left \|.* offered, .* answered, .*failed \d+ of \d+ \(503: \d+\)/m
  )
  assert.equal(stderr.includes('\u001b'), false)
  assert.match(stdout, /^ {2}503: 50;/m)
})

test('a journey uses the answers before it, and takes its headers, body and target from the command line too', async () => {
  await using server = await target((request, response) => {
    if (request.headers['authorization'] !== 'Bearer t') response.writeHead(401)
    response.setHeader('location', '/orders/9').end('{"items":[{"id":7}]}')
  })
  const files = {
    'load.ts': scenario(`
      target: 'http://shop.invalid' as string,
      arrivals: [{ from: 20, for: '1s' }],
      process: 'constant',
      journeys: [{ name: 'order', steps: [
        { path: '/products' },
        { name: 'product', path: ({ previous }) => '/products/' + previous.json().items[0].id },
        { name: 'place', path: '/orders', body: ({ response }) => response('GET /products').json(),
          expect: (response) => response.status === 200 || 'no order' },
        { name: 'look', path: ({ previous }) => previous.headers.location },
      ] }],
      thresholds: ['error_rate < 1%'],`),
  }
  const { document } = await documentOf(
    [
      'load.ts',
      ...patient,
      '--target',
      server.url,
      '--header',
      'authorization: Bearer t',
      '--threshold',
      'p99[look] < 10s',
    ],
    files
  )
  assert.deepEqual(document.thresholds.map(({ threshold, passed }) => [threshold, passed]), [
    ['error_rate < 1%', true],
    ['p99[look] < 10s', true],
  ])
  assert.equal(document.scenario, 'load.ts')
  assert.deepEqual(Object.fromEntries(server.seen), {
    'GET /products': 20,
    'GET /products/7': 20,
    'POST /orders': 20,
    'GET /orders/9': 20,
  })
})

test('a journey ends at the first answer that its step does not expect, and what was wrong is told', async () => {
  await using server = await target()
  const files = {
    'load.ts': scenario(`
      target: '${server.url}',
      arrivals: [{ from: 10, for: '1s' }],
      process: 'constant',
      journeys: [{ name: 'j', steps: [
        { path: '/a', expect: (response) => response.json().id === 8 || 'the id is ' + response.json().id },
        { path: '/never' },
      ] }],`),
  }
  await using place = await workspace(files)
  const { exitCode, stdout } = await runCommand(['load', 'load.ts', ...patient], place)
  assert.equal(server.seen.get('GET /never'), undefined)
  assert.match(stdout, /^GET \/a: the id is 7 \(10 times\)$/m)
  assert.equal(exitCode, 3)
})

test('a generator that its own scenario holds up voids the run: 4, whatever the figures', async () => {
  await using server = await target()
  const files = {
    'load.ts': scenario(`
      target: '${server.url}',
      arrivals: [{ from: 20, for: '1s' }],
      journeys: [{ name: 'j', steps: [{ name: 'slow', path: () => {
        const end = performance.now() + 100
        while (performance.now() < end);
        return '/'
      } }] }],
      thresholds: ['errors <= 0'],`),
  }
  const { exitCode, document } = await documentOf(['load.ts'], files)
  assert.deepEqual([exitCode, document.state], [4, 'void'])
  assert.notDeepEqual(document.reasons, [])
  assert.deepEqual(document.thresholds.map(({ passed }) => passed), [true])
})

test('a step that throws voids the run, with the step, the file and the line', async () => {
  await using server = await target()
  const files = {
    'load.ts': scenario(`target: '${server.url}', arrivals: [{ from: 10, for: '500ms' }],
journeys: [{ name: 'j', steps: [{ path: '/' }, { name: 'second', path: ({ previous }) => previous.json().no.way }] }],`),
  }
  const { exitCode, document } = await documentOf(['load.ts'], files)
  assert.deepEqual([exitCode, document.state], [4, 'void'])
  assert.match(
    document.reasons.join('\n'),
    /step "second" of journey "j" failed: .*'way'.* \(at .*load\.ts:2:\d+\)/
  )
})

test('a scenario that throws while it loads, or is wrong, is told before anything is sent', async () => {
  await using place = await workspace({
    'throws.ts': '\nthrow new Error("no data")',
    'wrong.ts': scenario(`target: 'http://localhost:1', journeys: [{ name: 'j', steps: [] }],`),
    'other.ts': 'export default 7',
  })
  const throws = await runCommand(['load', 'throws.ts'], place)
  assert.equal(throws.exitCode, 1)
  assert.match(
    throws.stderr,
    /^plimsoll: .*throws\.ts threw while loading: no data \(at .*throws\.ts:2:7\)\n$/
  )
  const wrong = await runCommand(['load', 'wrong.ts'], place)
  assert.match(
    wrong.stderr,
    /wrong\.ts: journeys\[0\]\.steps must be a list with at least one step, got \[\]\n$/
  )
  const other = await runCommand(['load', 'other.ts'], place)
  assert.match(other.stderr, /must export its load test as its default: export default defineLoad/)
})

test('a target where nobody listens is told at once; --no-probe sends all the same', async () => {
  await using place = await workspace()
  const free = createTcpServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as { port: number }
  free.close()
  const url = `http://127.0.0.1:${port}/`
  const probed = await runCommand(['load', url, '--duration', '1h'], place)
  assert.equal(probed.exitCode, 1)
  assert.match(
    probed.stderr,
    /^plimsoll: http:.* cannot be reached: nothing listens there\. Nothing was sent/
  )
  const { exitCode, document } = await documentOf([url, ...brief, '--no-probe', '--threshold', 'p50 < 10s'])
  assert.deepEqual(document.requests[0]?.outcomes.map(({ outcome }) => outcome), ['refused'])
  assert.equal(document.thresholds[0]?.missing, 'no-answer')
  assert.notEqual(exitCode, 0)
})

test('a target elsewhere is refused until somebody vouches for it', async () => {
  await using place = await workspace()
  const { exitCode, stderr } = await runCommand(['load', 'http://shop.invalid/'], place)
  assert.equal(exitCode, 2)
  assert.match(stderr, /^plimsoll: shop\.invalid is not this machine\. .* an attack .*--allow-remote\n$/)
  const vouched = await runCommand(['load', 'http://shop.invalid/', '--allow-remote'], place)
  assert.match(vouched.stderr, /shop\.invalid cannot be reached/)
})

const slips: readonly (readonly [claim: string, args: readonly string[], says: RegExp])[] = [
  ['nothing to load', [], /say what to load: a URL, or the file of a scenario/],
  [
    'an unknown flag',
    ['http://localhost:1', '--durration', '1s'],
    /--durration is not a flag.* did you mean --duration\?/,
  ],
  ['a setting', ['http://localhost:1', '--workers', '1'], /--workers is not a flag of plimsoll load/],
  [
    'a URL without a scheme',
    ['localhost:3000'],
    /no scenario localhost:3000 .*did you mean http:\/\/localhost:3000\?/,
  ],
  ['another scheme', ['ftp://localhost'], /the URL must be one such as "http:\/\/localhost:3000/],
  ['a password', ['http://me:pw@localhost'], /the URL must be .* without a user/],
  ['a wrong rate', ['http://localhost:1', '--rate', 'fast'], /--rate must be a rate above 0 .* got "fast"/],
  [
    'a wrong duration',
    ['http://localhost:1', '--duration', '10'],
    /--duration must be a duration such as "250ms"/,
  ],
  [
    'a wrong process',
    ['http://localhost:1', '--arrivals', 'x'],
    /--arrivals must be constant or poisson, got "x"/,
  ],
  ['a wrong header', ['http://localhost:1', '--header', 'x'], /--header must be NAME: VALUE/],
  [
    'a wrong method',
    ['http://localhost:1', '--method', 'SEND'],
    /--method must be GET, HEAD, .* or OPTIONS, got "SEND"/,
  ],
  [
    'a wrong number of threads',
    ['http://localhost:1', '--threads', '0'],
    /--threads must be a whole number of at least 1/,
  ],
  [
    'a wrong threshold',
    ['http://localhost:1', '--threshold', 'p99 250ms'],
    /threshold must be METRIC\[REQUEST\]/,
  ],
  [
    'a threshold of a request that there is not',
    ['http://localhost:1/a', '--threshold', 'p99[GET /b]<1s'],
    /the request of threshold .* must be one of GET \/a, got "GET \/b"/,
  ],
  [
    'a target beside a URL',
    ['http://localhost:1', '--target', 'http://localhost:2'],
    /--target is for a scenario/,
  ],
  ['two bodies', ['http://localhost:1', '--body', 'a', '--body-file', 'b'], /two bodies; say one/],
  [
    'a body file that is not there',
    ['http://localhost:1', '--body-file', 'b'],
    /--body-file b cannot be read: ENOENT/,
  ],
  [
    'a report that cannot be written',
    ['http://localhost:1', '--no-probe', '--output', 'no/r.json'],
    /cannot be written/,
  ],
  [
    'connections with --fresh',
    ['http://localhost:1', '--fresh', '--connections', '5'],
    /--fresh opens a connection for each/,
  ],
]
for (const [claim, args, says] of slips) {
  test(`${claim}: one message on standard error, and 2`, async () => {
    await using place = await workspace()
    const { exitCode, stdout, stderr } = await runCommand(['load', ...args], place)
    assert.match(stderr, says)
    assert.equal(exitCode, 2)
    assert.equal(stdout, '')
    assert.doesNotMatch(stderr, /\n {4}at /)
  })
}

test('what says what to send goes with a URL, not with a scenario', async () => {
  await using place = await workspace({ 'load.ts': 'export default 1' })
  const { exitCode, stderr } = await runCommand(['load', 'load.ts', '--body', 'x'], place)
  assert.equal(exitCode, 2)
  assert.match(stderr, /--body is for a single URL/)
})

test('Ctrl-C ends the run with a report of what there is, and 130', async () => {
  await using server = await target()
  await using place = await workspace()
  const args = ['load', server.url, '--rate', '50', '--duration', '1h', '--output', 'report.json']
  await using running = startCommand(args, place)
  await running.says(/ offered, /)
  running.process.kill('SIGINT')
  const { exitCode, stdout } = await running.finished
  assert.equal(exitCode, 130)
  assert.match(stdout, /\ninterrupted: the figures hold for what ran/)
  const document = JSON.parse(await readFile(join(place.directory, 'report.json'), 'utf8')) as ReportDocument
  assert.deepEqual([document.state, document.aborted], ['interrupted', true])
  assert.ok(document.totals.expected > 0)
})

test('steps have a line each in the report, and each is offered its rate', async () => {
  await using server = await target()
  const { document } = await documentOf([
    server.url,
    '--steps',
    '20,60',
    '--step-duration',
    '500ms',
    '--arrivals',
    'constant',
    '--warm-up',
    '200ms',
  ])
  assert.deepEqual(
    document.phases.filter(({ name }) => name !== 'warm-up').map(({ name, counts }) => [name, counts.due]),
    [['step 1 of 2: 20/s', 10], ['step 2 of 2: 60/s', 30]]
  )
  assert.equal(document.totals.due, 40)
})
