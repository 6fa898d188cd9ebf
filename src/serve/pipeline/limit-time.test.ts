import Fastify from 'fastify'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { ProcessStore } from '../../protect/limit/index.ts'
import { plimsoll } from './plugin.ts'

/** Counts as any, and notes the moments at which it is told that requests have arrived. */
class NotingStore extends ProcessStore {
  readonly told: (number | undefined)[] = []

  override take (...given: Parameters<ProcessStore['take']>): ReturnType<ProcessStore['take']> {
    this.told.push(given[1])
    return super.take(...given)
  }
}

test('a store is told when a request arrived, but not of one that was held up before it was asked', async () => {
  const clock = manualClock()
  await using store = new NotingStore({ clock })
  const app = Fastify()
  await app.register(plimsoll, {
    clock,
    admission: false,
    // No name is known: what does not resolve is as good as any agent here.
    agents: { network: { resolve: async () => [] } },
    limits: { rules: { perMinute: 10 }, store },
  })
  app.get('/', async () => 'ok')
  await app.inject('/')
  // Verified before limits are asked, which takes a turn of the loop at least: that nobody is there does not matter.
  await app.inject({
    url: '/',
    headers: {
      'signature-agent': '"https://agent.example"',
      'signature-input':
        'sig1=("@authority" "signature-agent");created=1;expires=2;keyid="k";tag="web-bot-auth"',
      'signature': 'sig1=:AAAA:',
    },
  })
  assert.deepEqual(store.told, [clock.now(), undefined])
  await app.close()
})
