import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Engine } from '../engine.ts'
import { waitUntil } from '../wait-until.fixture.ts'
import type { LocalClient, LocalValue } from './local-client.ts'

/** Opens engines that share one state; `moveClock` moves the clock of whoever holds it. */
export interface LocalSubject extends AsyncDisposable {
  open(): Promise<Engine<LocalClient>>
  moveClock(ms: number): Promise<void>
}

/** What the local engine promises to its clients, wherever the state is held. */
export function testLocalClient (name: string, openSubject: () => Promise<LocalSubject>): void {
  function claim (text: string, run: (client: LocalClient, subject: LocalSubject) => Promise<void>): void {
    test(`${name}: ${text}`, async () => {
      await using subject = await openSubject()
      await using engine = await subject.open()
      await run(await engine.connect(), subject)
    })
  }

  claim('values come back as they were set, bytes included, and are copies', async (client) => {
    const values: LocalValue[] = [
      '#text',
      '"',
      0,
      -1.5,
      true,
      null,
      [1, 'ü😀'],
      { a: { b: [] } },
      new Uint8Array([0, 255]),
    ]
    for (const value of values) {
      await client.set('key', value)
      assert.deepEqual(await client.get('key'), value)
    }
    const list = [1]
    await client.set('list', list)
    list.push(2)
    assert.deepEqual(await client.get('list'), [1])
  })

  claim('a key that is not there is undefined, and deleting tells whether it was there', async (client) => {
    assert.equal(await client.get('none'), undefined)
    assert.equal(await client.delete('none'), false)
    await client.set('some', null)
    assert.equal(await client.get('some'), null)
    assert.equal(await client.delete('some'), true)
    assert.equal(await client.get('some'), undefined)
  })

  claim('a key is gone when its time is over, and setting it again starts anew', async (client, subject) => {
    await client.set('key', 1, { ttlMs: 1_000 })
    await subject.moveClock(999)
    assert.equal(await client.get('key'), 1)
    await client.set('key', 2, { ttlMs: 1_000 })
    await subject.moveClock(999)
    assert.equal(await client.get('key'), 2)
    await subject.moveClock(1)
    assert.equal(await client.get('key'), undefined)
    assert.equal(await client.delete('key'), false)
  })

  claim('increments count from 0, and the time to live holds from the first', async (client, subject) => {
    assert.equal(await client.increment('hits', 1, { ttlMs: 1_000 }), 1)
    await subject.moveClock(600)
    assert.equal(await client.increment('hits', 4, { ttlMs: 1_000 }), 5)
    await subject.moveClock(400)
    assert.equal(await client.increment('hits'), 1)
    assert.equal(await client.increment('hits', -0.5), 0.5)
  })

  claim('what is no number cannot be incremented, and what JSON cannot say cannot be set', async (client) => {
    for (const value of ['5', null, true, [], new Uint8Array([1])]) {
      await client.set('key', value)
      await assert.rejects(client.increment('key'), { code: 'LOCAL_VALUE', key: 'key' })
    }
    await client.set('key', Number.MAX_VALUE)
    await assert.rejects(client.increment('key', Number.MAX_VALUE), { code: 'LOCAL_VALUE' })
    await assert.rejects(client.increment('key', Number.NaN), { code: 'LOCAL_VALUE' })
    const circle: Record<string, LocalValue> = {}
    circle['self'] = circle
    await assert.rejects(client.set('key', circle), { code: 'LOCAL_VALUE' })
    await assert.rejects(client.set('key', 1, { ttlMs: 0 }), { code: 'SETTING_INVALID' })
  })

  claim(
    'compareAndSet makes, changes and removes a key only when it is what was expected',
    async (client, subject) => {
      assert.equal(await client.compareAndSet('key', 1, 2), false)
      assert.equal(await client.compareAndSet('key', undefined, { a: 1 }, { ttlMs: 1_000 }), true)
      assert.equal(await client.compareAndSet('key', undefined, 2), false)
      assert.equal(await client.compareAndSet('key', { a: 1 }, 3), true)
      await subject.moveClock(1_000)
      assert.equal(await client.compareAndSet('key', 3, undefined), true)
      assert.equal(await client.get('key'), undefined)
    }
  )

  claim('of many clients, all increments count and one compareAndSet wins', async (_, subject) => {
    const engines = await Promise.all([1, 2, 3].map(() => subject.open()))
    const clients = await Promise.all(engines.map((engine) => engine.connect()))
    await Promise.all(clients.flatMap((client) => Array.from({ length: 50 }, () => client.increment('sum'))))
    assert.equal(await clients[0]?.get('sum'), 150)
    const won = await Promise.all(
      clients.map((client, index) => client.compareAndSet('leader', undefined, index))
    )
    assert.equal(won.filter(Boolean).length, 1)
    await Promise.all(engines.map((engine) => engine.close()))
  })

  claim('a message reaches all listeners of its topic in order, until they stop', async (client, subject) => {
    await using other = await subject.open()
    const far = await other.connect()
    const heard: LocalValue[] = []
    const heardFar: LocalValue[] = []
    const stop = await client.subscribe('topic', (message) => heard.push(message))
    const listen = (message: LocalValue): number => heardFar.push(message)
    const stopFirst = await far.subscribe('topic', listen)
    const stopSecond = await far.subscribe('topic', listen)
    assert.equal(await far.publish('topic', { n: 1 }), 2)
    assert.equal(await far.publish('other', 0), 0)
    stopFirst()
    stopFirst()
    assert.equal(await far.publish('topic', new Uint8Array([2])), 2)
    await waitUntil('both heard', () => heard.length === 2 && heardFar.length === 3)
    assert.deepEqual(heard, [{ n: 1 }, new Uint8Array([2])])
    stop()
    stopSecond()
    await client.get('after what was sent before')
    assert.equal(await far.publish('topic', 3), 0)
  })

  claim('a closed client leaves its topics, and says that it is closed', async (client, subject) => {
    const engine = await subject.open()
    const leaving = await engine.connect()
    await leaving.subscribe('topic', () => {})
    assert.equal(await client.publish('topic', 1), 1)
    await engine.close()
    await assert.rejects(leaving.get('key'), { code: 'ENGINE_CLOSED' })
    await waitUntil('it left', async () => await client.publish('topic', 1) === 0)
  })
}
