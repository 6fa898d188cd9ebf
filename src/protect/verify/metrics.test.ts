import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricsRegistry, renderMetrics } from '../../telemetry/index.ts'
import { BotScorer } from './bots/index.ts'
import { verifyMetrics } from './metrics.ts'
import { keySet, SignatureVerifier } from './signature/index.ts'

test('outcomes, fetches and classes are counted under labels that clients do not choose', async () => {
  const registry = new MetricsRegistry()
  const metrics = verifyMetrics(registry)
  const verifier = new SignatureVerifier({ keys: keySet([]), ...metrics.signatures })
  const head = { method: 'GET', target: '/', scheme: 'https', authority: 'a', hasBody: false } as const
  void verifier.verify({ ...head, rawHeaders: [] })
  void verifier.verify({ ...head, rawHeaders: ['Signature', 'made-up', 'Signature-Input', 'made-up'] })
  metrics.directory.onFetch('timeout')
  metrics.signatures.onReplayUnchecked('full')
  new BotScorer(metrics.bots).look({
    headers: { 'user-agent': 'curl/8' },
    rawHeaders: [],
    scheme: 'https',
    client: 'c',
    path: '/',
  })
  let text = ''
  for await (const part of renderMetrics(registry.snapshot(), 'prometheus')) text += part
  const lines = [
    'plimsoll_signature_verifications_total{for="request",outcome="missing",algorithm="none"} 1',
    'plimsoll_signature_verifications_total{for="request",outcome="malformed",algorithm="none"} 1',
    'plimsoll_signature_replay_unchecked_total{for="request",why="full"} 1',
    'plimsoll_agent_directory_fetches_total{outcome="timeout"} 1',
    'plimsoll_bot_requests_total{class="declared-bot"} 1',
  ]
  for (const line of lines) assert.ok(text.includes(`${line}\n`), line)
  const series = text.split('\n').filter((line) => line.startsWith('plimsoll_') && line.includes('{'))
  assert.ok(series.length <= 200, `${series.length} series`)
})
