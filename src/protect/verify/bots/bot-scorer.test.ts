import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock, seededRandom } from '../../../kernel/index.ts'
import {
  type BotRequest,
  BotScorer,
  type BotScorerOptions,
  type BotVerdict,
  startScore,
} from './bot-scorer.ts'
import { botRequest, chromiumAgent, chromiumFetch, chromiumPage, withHeader } from './bots.fixture.ts'

function scorerOf (options: BotScorerOptions = {}): BotScorer {
  return new BotScorer({ clock: manualClock(), random: seededRandom(1), ...options })
}

function look (lines: readonly string[], changes: Partial<BotRequest> = {}): BotVerdict {
  return scorerOf().look(botRequest(lines, changes))
}

/** The signals of a verdict, the weights behind them. */
function signals ({ reasons }: BotVerdict): string {
  return reasons.map(({ signal }) => signal).join(' ')
}

test('what a browser sends whole is likely a person: a page, and a fetch in another order', () => {
  for (const lines of [chromiumPage, chromiumFetch]) {
    const verdict = look(lines)
    assert.deepEqual([verdict.class, signals(verdict), verdict.score], [
      'likely-human',
      'browser-coherent',
      5,
    ])
  }
})

test('the score is the start and the points of the reasons, nothing else', () => {
  const verdict = look(withHeader(chromiumPage, 'accept-language'))
  assert.equal(verdict.reasons.reduce((sum, { weight }) => sum + weight, startScore), verdict.score)
  for (const { said } of verdict.reasons) assert.ok(said.length > 10)
})

const contradictions: Readonly<Record<string, readonly string[]>> = {
  'client-hints-missing': withHeader(chromiumPage, 'sec-ch-ua'),
  'client-hints-contradict': withHeader(chromiumPage, 'sec-ch-ua', '"Chromium";v="99"'),
  'fetch-metadata-missing': withHeader(chromiumPage, 'sec-fetch-mode'),
  'accept-language-missing': withHeader(chromiumPage, 'accept-language'),
  'accept-encoding-missing': withHeader(chromiumPage, 'accept-encoding', 'identity'),
  'header-order': [...withHeader(chromiumPage, 'accept-encoding'), 'Accept-Encoding', 'gzip, br'],
  'user-agent-missing': withHeader(chromiumPage, 'user-agent'),
  'user-agent-no-browser': withHeader(chromiumPage, 'user-agent', 'MyShop/3.2 (iPhone; iOS 17)'),
  'declared-bot': withHeader(chromiumPage, 'user-agent', 'python-requests/2.31'),
}

for (const [signal, lines] of Object.entries(contradictions)) {
  test(`a claimed browser with one thing wrong is not coherent, and the one thing is said: ${signal}`, () => {
    const verdict = look(lines)
    assert.equal(signals(verdict), signal)
    assert.notEqual(verdict.class, 'likely-human')
  })
}

test("one thing wrong is not yet likely a bot; a browser's name and nothing more is", () => {
  assert.equal(look(withHeader(chromiumPage, 'accept-language')).class, 'unknown')
  const verdict = look(['Host', 'shop.example', 'User-Agent', chromiumAgent])
  assert.equal(verdict.class, 'likely-bot')
  assert.equal(verdict.score, 100)
})

test('over plain HTTP nothing that browsers send over TLS alone is missed', () => {
  const plain = ['Host', 'x', 'User-Agent', chromiumAgent, 'Accept-Encoding', 'gzip', 'Accept-Language', 'de']
  const verdict = look(plain, { scheme: 'http' })
  assert.deepEqual([signals(verdict), verdict.class], ['', 'unknown'])
})

test("an app of one's own, and an old browser, are unknown, not bots", () => {
  assert.equal(look(['User-Agent', 'MyShop/3.2 (iPhone; iOS 17)']).class, 'unknown')
  const old = chromiumAgent.replace('156', '79')
  const lines = ['User-Agent', old, 'Accept-Encoding', 'gzip', 'Accept-Language', 'de']
  assert.equal(look(lines).class, 'unknown')
})

test('Firefox and Safari do not send client hints, and order as they please', () => {
  const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0'
  const safari =
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ' +
    'Version/18.0 Mobile/15E148 Safari/604.1'
  for (const agent of [firefox, safari]) {
    const lines = [
      'User-Agent',
      agent,
      'Accept-Language',
      'de',
      'Accept-Encoding',
      'gzip, br',
      'Sec-Fetch-Mode',
      'cors',
    ]
    assert.equal(look(lines).class, 'likely-human', agent)
    assert.equal(signals(look([...lines, 'sec-ch-ua', '"Chromium";v="130"'])), 'client-hints-contradict')
  }
})

test('a signed agent is that, whatever its headers; an invalid signature counts against, an unproven one does not', () => {
  const lines = ['User-Agent', 'agent/1.0 (bot)']
  assert.equal(look(lines, { agent: 'verified' }).class, 'signed-agent')
  assert.equal(look(lines, { agent: 'unverified' }).class, 'declared-bot')
  assert.equal(signals(look(chromiumPage, { agent: 'unverified' })), 'browser-coherent')
  assert.equal(signals(look(chromiumPage, { agent: 'invalid' })), 'agent-unproven browser-coherent')
})

/** What is said of a client after it has sent `count` requests, the gaps and paths given. */
function after (
  count: number,
  { gap, path = () => '/a', status, lines = chromiumPage }: {
    readonly gap: (at: number) => number
    readonly path?: (at: number) => string
    readonly status?: number
    readonly lines?: readonly string[]
  }
): string {
  const clock = manualClock()
  const scorer = new BotScorer({ clock, random: seededRandom(7) })
  let verdict: BotVerdict | undefined
  for (let at = 0; at < count; at++) {
    clock.advance(gap(at))
    verdict = scorer.look(botRequest(lines, { path: path(at) }))
    if (status !== undefined) scorer.answered('192.0.2.1', status)
  }
  assert.ok(verdict)
  return signals(verdict).replace('browser-coherent', '').trim()
}

test('behaviour is spoken of from the 20th request of a window on', () => {
  const random = seededRandom(3)
  const chance = (): number => -Math.log(1 - random()) * 1_000
  assert.equal(after(19, { gap: () => 1_000 }), '')
  assert.equal(after(20, { gap: () => 1_000 }), 'rate-regular')
  assert.equal(after(100, { gap: chance }), '', 'arrivals by chance are not regular')
  assert.equal(after(600, { gap: () => chance() / 4 }), 'rate-high')
  assert.equal(after(150, { gap: chance, path: (at) => `/p/${at}` }), 'paths-many')
  assert.equal(after(40, { gap: chance, path: (at) => `/p/${at % 20}` }), '')
  assert.equal(after(40, { gap: chance, status: 404 }), 'errors-many')
  assert.equal(after(40, { gap: chance, status: 500 }), '', "our own failures are nobody's")
  assert.equal(
    after(40, { gap: chance, lines: withHeader(chromiumPage, 'if-none-match', '"x"') }),
    'conditional-requests'
  )
})

test('a window that is over is forgotten', () => {
  const clock = manualClock()
  const scorer = new BotScorer({ clock, window: '5m' })
  for (let at = 0; at < 30; at++) {
    scorer.look(botRequest(chromiumPage, { path: '/x' }))
    scorer.answered('192.0.2.1', 404)
    clock.advance(100)
  }
  assert.match(signals(scorer.look(botRequest(chromiumPage))), /errors-many/)
  clock.advance(300_000)
  assert.equal(signals(scorer.look(botRequest(chromiumPage))), 'browser-coherent')
})

test("one client's behaviour is not another's", () => {
  const scorer = scorerOf()
  for (let at = 0; at < 30; at++) {
    scorer.look(botRequest(chromiumPage, { client: 'bad' }))
    scorer.answered('bad', 401)
  }
  assert.match(signals(scorer.look(botRequest(chromiumPage, { client: 'bad' }))), /errors-many/)
  assert.equal(signals(scorer.look(botRequest(chromiumPage, { client: 'good' }))), 'browser-coherent')
})

test('memory does not grow with clients: 0.9 MB by default, with more of them than places', () => {
  const scorer = scorerOf()
  assert.equal(scorer.bytes, 917_504)
  for (let at = 0; at < 20_000; at++) scorer.look(botRequest(chromiumPage, { client: `client-${at}` }))
  assert.equal(scorer.bytes, 917_504)
})

test('a client that keeps coming is not pushed out by a flood of others it shares a set with', () => {
  const clock = manualClock()
  const scorer = new BotScorer({ clock, random: seededRandom(2), clients: 4 })
  for (let at = 0; at < 40; at++) {
    clock.advance(10)
    scorer.look(botRequest(chromiumPage, { client: 'steady' }))
    scorer.answered('steady', 404)
    clock.advance(10)
    scorer.look(botRequest(chromiumPage, { client: `flood-${at}` }))
  }
  assert.match(signals(scorer.look(botRequest(chromiumPage, { client: 'steady' }))), /errors-many/)
})

test('whatever the headers hold, there is a verdict from 0 to 100', () => {
  const scorer = scorerOf({ clients: 64 })
  const name = fc.oneof(
    fc.constantFrom('User-Agent', 'sec-ch-ua', 'Accept-Language', 'accept-encoding', 'Sec-Fetch-Mode'),
    fc.string({ maxLength: 20 })
  )
  const value = fc.oneof(
    fc.constantFrom(chromiumAgent, '*', '', `Chrome/${'9'.repeat(40)}`, 'Firefox/1 Version/2 Safari/3'),
    fc.string({ unit: 'binary', maxLength: 700 })
  )
  const lines = fc.array(fc.tuple(name, value), { maxLength: 12 }).map((pairs) => pairs.flat())
  fc.assert(fc.property(lines, fc.string(), fc.string(), (rawHeaders, client, path) => {
    const { score } = scorer.look(botRequest(rawHeaders, { client, path }))
    assert.ok(score >= 0 && score <= 100 && Number.isFinite(score))
  }))
})
