import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import type { FlightBoard } from './flight-board.ts'

const value = new Uint8Array(Buffer.from('value'))

/** What every board promises. @param open the board as another process has it */
export function testFlightBoard (name: string, open: (member: string) => Promise<FlightBoard>): void {
  test(`${name}: a follower is told of the end, and finds a value that was kept only for a moment`, async () => {
    const [leader, follower] = [await open('leader'), await open('follower')]
    const heard: string[] = []
    await follower.listen((token) => heard.push(token))
    assert.equal(await leader.enter('k', 'a', 5_000), 'a')
    assert.equal(await follower.enter('k', 'b', 5_000), 'a')
    assert.equal(await follower.look('k', 'a'), undefined)
    assert.equal(await leader.end('k', 'a', { kind: 'value', value, keepMs: 1 }), true)
    await pause(20)
    const landing = await follower.look('k', 'a')
    assert.deepEqual(typeof landing === 'object' && new Uint8Array(landing.value), value)
    await waitUntil('it was told', () => heard.length > 0)
    assert.deepEqual(heard, ['a'])
  })

  test(`${name}: what a leader says after its lease counts for nothing`, async () => {
    const [late, next] = [await open('late'), await open('next')]
    await late.enter('lapsed', 'c', 20)
    await waitUntil('its lease is over', async () => await next.look('lapsed', 'c') === 'leader-lost')
    assert.equal(await late.renew('lapsed', 'c', 5_000), false)
    assert.equal(await late.end('lapsed', 'c', { kind: 'value', value, keepMs: 60_000 }), false)
    assert.equal(await next.enter('lapsed', 'd', 5_000), 'd')
    assert.equal(await late.renew('lapsed', 'c', 5_000), false)
    assert.equal(await late.end('lapsed', 'c', { kind: 'value', value, keepMs: 60_000 }), false)
    assert.equal(await next.look('lapsed', 'd'), undefined, 'the flight of its successor goes on')
    assert.equal(await next.renew('lapsed', 'd', 5_000), true)
  })
}
