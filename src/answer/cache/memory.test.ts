import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom } from '../../kernel/index.ts'
import { BoundedMemory, MemoryNode } from './memory.ts'

/** The usual alternative: what was read longest ago goes. */
class Lru {
  readonly #max: number
  readonly #keys: Set<string> = new Set()

  constructor (max: number) {
    this.#max = max
  }

  read (key: string): boolean {
    const known = this.#keys.delete(key)
    this.#keys.add(key)
    if (this.#keys.size > this.#max) this.#keys.delete(this.#keys.values().next().value ?? '')
    return known
  }
}

class S3Fifo {
  readonly #memory: BoundedMemory<MemoryNode>

  constructor (max: number) {
    this.#memory = new BoundedMemory(max)
  }

  read (key: string): boolean {
    if (this.#memory.get(key) !== undefined) return true
    this.#memory.set(new MemoryNode(key, 1))
    return false
  }
}

/** Numbers below `count` by Zipf's law with exponent 1, by inversion of a table. */
function zipf (count: number, random: Random): () => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) sums[rank] = sum += 1 / (rank + 1)
  return () => {
    const wanted = random() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

/**
 * Share of hits of a Zipf mix over 20,000 keys in room for 500, into which a scan of new keys breaks every so
 * often.
 */
function hitRatio (cache: Lru | S3Fifo, scan: number): number {
  const next = zipf(20_000, seededRandom(7))
  let [hits, reads, scanned] = [0, 0, 0]
  for (let turn = 0; turn < 100_000; turn++) {
    if (scan > 0 && turn % 5_000 === 0) { for (let at = 0; at < scan; at++) cache.read(`scan ${scanned++}`) }
    reads++
    if (cache.read(`${next()}`)) hits++
  }
  return hits / reads
}

test('on a Zipf mix more is hit than with LRU, and a scan costs less', (t) => {
  const ratios = [0, 2_000].map((scan) =>
    [hitRatio(new S3Fifo(500), scan), hitRatio(new Lru(500), scan)] as const
  )
  const [[plain, plainLru], [scanned, scannedLru]] = ratios as [
    readonly [number, number],
    readonly [number, number],
  ]
  t.diagnostic(
    `hit ratio: S3-FIFO ${plain.toFixed(3)}, LRU ${plainLru.toFixed(3)}; with scans ${scanned.toFixed(3)}, ${
      scannedLru.toFixed(3)
    }`
  )
  assert.ok(plain > plainLru + 0.03, `${plain} against ${plainLru}`)
  assert.ok(scanned > scannedLru + 0.03, `${scanned} against ${scannedLru}`)
  assert.ok(plain - scanned < plainLru - scannedLru, 'scans hurt more than they hurt LRU')
})

test('memory never holds more bytes than it may, whatever comes, and counts exactly what it holds', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('set' as const),
      key: fc.nat(30),
      bytes: fc.integer({ min: 1, max: 120 }),
    }),
    fc.record({ kind: fc.constant('get' as const), key: fc.nat(30), bytes: fc.constant(0) }),
    fc.record({
      kind: fc.constant('grow' as const),
      key: fc.nat(30),
      bytes: fc.integer({ min: 1, max: 50 }),
    }),
    fc.record({ kind: fc.constant('delete' as const), key: fc.nat(30), bytes: fc.constant(0) }),
    fc.record({ kind: fc.constant('sweep' as const), key: fc.nat(30), bytes: fc.constant(0) })
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const held = new Map<string, MemoryNode>()
      const memory = new BoundedMemory<MemoryNode>(100, (node) => assert.ok(held.delete(node.key)))
      for (const { kind, key: number, bytes } of steps) {
        const key = String(number)
        const node = memory.get(key)
        assert.equal(node, held.get(key))
        if (kind === 'set') {
          const next = new MemoryNode(key, bytes)
          held.delete(key)
          if (bytes <= 100) held.set(key, next)
          memory.set(next)
        } else if (kind === 'grow' && node !== undefined) memory.grow(node, bytes)
        else if (kind === 'delete' && node !== undefined) {
          memory.delete(node)
          memory.delete(node)
          held.delete(key)
        } else if (kind === 'sweep') {
          memory.sweep(5, (node) => node.key === key && held.delete(key))
        }
        assert.ok(memory.bytes <= 100)
        assert.equal(memory.size, held.size)
        assert.equal(memory.bytes, [...held.values()].reduce((sum, node) => sum + node.bytes, 0))
      }
    }),
    { numRuns: 150 }
  )
})

test('what was read while it was new outlives a scan of all the room; what was not does not', () => {
  const memory = new BoundedMemory<MemoryNode>(100)
  for (const key of ['read', 'unread']) memory.set(new MemoryNode(key, 1))
  memory.get('read')
  for (let at = 0; at < 1_000; at++) memory.set(new MemoryNode(`scan ${at}`, 1))
  assert.ok(memory.get('read') !== undefined && memory.get('unread') === undefined)
})

test('a sweep comes by every node in turn, however small its steps', () => {
  const memory = new BoundedMemory<MemoryNode>(1_000)
  for (let at = 0; at < 100; at++) memory.set(new MemoryNode(String(at), 1))
  for (let turn = 0; turn < 40; turn++) memory.sweep(5, ({ key }) => Number(key) % 2 === 1)
  assert.equal(memory.size, 50)
})
