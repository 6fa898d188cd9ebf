import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../kernel/index.ts'
import { type Costed, CpuCosts } from './cpu-cost.ts'

function work (cpuMs = 1): Costed {
  return { cpuMs, lessons: 0, doneInWindow: 0 }
}

function window (costs: CpuCosts, busyMs: number, ...done: readonly (readonly [Costed, number])[]): void {
  for (const [one, times] of done) { for (let time = 0; time < times; time++) costs.done(one) }
  costs.learn(busyMs)
}

test('two kinds of work in changing shares are told apart by how busy the loop was', () => {
  const costs = new CpuCosts()
  const [cheap, dear] = [work(), work()]
  const random = seededRandom(7)
  for (let at = 0; at < 400; at++) {
    const [some, few] = [Math.floor(random() * 100), Math.floor(random() * 10)]
    window(costs, some * 0.1 + few * 4, [cheap, some], [dear, few])
  }
  assert.ok(Math.abs(cheap.cpuMs - 0.1) < 0.03, `${cheap.cpuMs}`)
  assert.ok(Math.abs(dear.cpuMs - 4) < 0.4, `${dear.cpuMs}`)
})

test('one pause of the process moves no cost by more than half', () => {
  const costs = new CpuCosts()
  const one = work()
  for (let at = 0; at < 50; at++) window(costs, 20, [one, 10])
  const beforeMs = one.cpuMs
  window(costs, 450, [one, 10])
  assert.ok(one.cpuMs <= 1.5 * beforeMs)
  for (let at = 0; at < 20; at++) window(costs, 20, [one, 10])
  assert.ok(Math.abs(one.cpuMs - 2) < 0.05)
})

test('a guess yields to the cheapest of the first runs that were timed, and those to the windows', () => {
  const costs = new CpuCosts()
  const one = work(100)
  costs.timed(one, 3)
  assert.equal(one.cpuMs, 3)
  costs.timed(one, 50)
  assert.equal(one.cpuMs, 3)
  costs.timed(one, 0.5)
  assert.equal(one.cpuMs, 0.5)
  window(costs, 5, [one, 10])
  costs.timed(one, 0.1)
  assert.equal(one.cpuMs, 0.5)
})

test('no cost falls to 0, and a window without work teaches nothing', () => {
  const costs = new CpuCosts()
  const one = work()
  for (let at = 0; at < 100; at++) window(costs, 0, [one, 10])
  assert.ok(one.cpuMs > 0)
  const beforeMs = one.cpuMs
  window(costs, 40)
  assert.equal(one.cpuMs, beforeMs)
})
