import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewPurge, PurgeQueue } from './purge-queue.ts'

/** A queue to test, and how its time passes. */
export interface QueueUnderTest extends AsyncDisposable {
  readonly queue: PurgeQueue<never>
  /** Lets so much time pass for what is in the queue. */
  pass(ms: number): Promise<void>
}

const purge = (tag: string, purger = 'varnish', mode: NewPurge['mode'] = 'soft'): NewPurge => ({
  purger,
  tag,
  mode,
})

/** What every queue promises. */
export function testPurgeQueue (name: string, open: () => Promise<QueueUnderTest>): void {
  test(`${name}: what is enqueued is claimed as it was, by its own edge, once at a time`, async () => {
    await using under = await open()
    const { queue } = under
    const odd = 'a,b "c"\r\n\u0000\uD800é'
    await queue.enqueue(undefined, [purge('a'), purge(odd, 'varnish', 'hard'), purge('a', 'fastly')])
    const jobs = await queue.claim('varnish', 10, 30_000)
    assert.deepEqual(
      jobs.map(({ tag, mode, pass, tries }) => ({ tag, mode, pass, tries })).toSorted((a, b) =>
        a.tag < b.tag ? -1 : 1
      ),
      [
        { tag: 'a', mode: 'soft', pass: 1, tries: 1 },
        { tag: odd, mode: 'hard', pass: 1, tries: 1 },
      ]
    )
    assert.deepEqual(await queue.claim('varnish', 10, 30_000), [])
    assert.equal((await queue.claim('fastly', 10, 30_000)).length, 1)
  })

  test(`${name}: a claim whose holder is gone comes back when its lease ends, as another try`, async () => {
    await using under = await open()
    const { queue } = under
    await queue.enqueue(undefined, [purge('a')])
    await queue.claim('varnish', 10, 30_000)
    await under.pass(29_000)
    assert.deepEqual(await queue.claim('varnish', 10, 30_000), [])
    await under.pass(1_001)
    const [again] = await queue.claim('varnish', 10, 30_000)
    assert.equal(again?.tries, 2)
    assert.ok((again?.ageMs ?? 0) >= 30_001)
  })

  test(`${name}: what is settled is gone; what is postponed or repeated is due later`, async () => {
    await using under = await open()
    const { queue } = under
    await queue.enqueue(undefined, ['done', 'failed', 'again'].map((tag) => purge(tag)))
    const id = Object.fromEntries((await queue.claim('varnish', 10, 60_000)).map((job) => [job.tag, job.id]))
    await queue.settle([id['done']!])
    await queue.postpone([id['failed']!], 1_000)
    await queue.repeat([id['again']!], 5_000)
    assert.deepEqual(await queue.claim('varnish', 10, 60_000), [])
    await under.pass(1_001)
    const [failed, ...none] = await queue.claim('varnish', 10, 60_000)
    assert.deepEqual([failed?.tag, failed?.pass, failed?.tries, none.length], ['failed', 1, 2, 0])
    await under.pass(4_000)
    const [again, ...nothing] = await queue.claim('varnish', 10, 60_000)
    assert.deepEqual([again?.tag, again?.pass, again?.tries, nothing.length], ['again', 2, 1, 0])
    await under.pass(120_000)
    assert.deepEqual((await queue.claim('varnish', 10, 1)).map(({ tag }) => tag).toSorted(), [
      'again',
      'failed',
    ])
  })

  test(`${name}: a claim takes the longest due first, and no more than asked`, async () => {
    await using under = await open()
    const { queue } = under
    for (const tag of ['1', '2', '3']) {
      await queue.enqueue(undefined, [purge(tag)])
      await under.pass(10)
    }
    assert.deepEqual((await queue.claim('varnish', 2, 1_000)).map(({ tag }) => tag).toSorted(), ['1', '2'])
  })

  test(`${name}: many that claim at once share the jobs out`, async () => {
    await using under = await open()
    const { queue } = under
    await queue.enqueue(undefined, Array.from({ length: 50 }, (_, i) => purge(`t${i}`)))
    const claims = await Promise.all(Array.from({ length: 8 }, () => queue.claim('varnish', 10, 30_000)))
    const ids = claims.flat().map((job) => job.id)
    assert.equal(new Set(ids).size, ids.length)
    for (let more = await queue.claim('varnish', 10, 30_000); more.length > 0;) {
      ids.push(...more.map((job) => job.id))
      more = await queue.claim('varnish', 10, 30_000)
    }
    assert.equal(ids.length, 50)
  })

  test(`${name}: it tells what waits for each edge, without repetitions`, async () => {
    await using under = await open()
    const { queue } = under
    assert.deepEqual(await queue.depths(), [])
    await queue.enqueue(undefined, [purge('a'), purge('b'), purge('a', 'gone')])
    const [first] = await queue.claim('varnish', 1, 1_000)
    await queue.repeat([first!.id], 1_000)
    await under.pass(500)
    const depths = (await queue.depths()).toSorted((a, b) => a.purger < b.purger ? -1 : 1)
    assert.deepEqual(depths.map(({ purger, waiting }) => [purger, waiting]), [['gone', 1], ['varnish', 1]])
    for (const { oldestMs } of depths) assert.ok(oldestMs >= 500, String(oldestMs))
  })
}
