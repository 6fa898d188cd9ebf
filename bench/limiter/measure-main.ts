// node --expose-gc measure-main.ts: one subject, one measurement; the order on argv, the result as JSON on stdout.
import { memoryUsage } from 'node:process'
import { systemClock } from '../../src/kernel/index.ts'
import { type Check, limiterSubjects } from './subjects.ts'

/** What the parent asks for. */
export interface MeasureOrder {
  readonly subject: string
  readonly kind: 'speed' | 'memory'
  readonly keys: number
  /** How long a speed is measured, after as long a warm-up. */
  readonly ms: number
}

export interface Speed {
  readonly checksPerSecond: number
}

export interface MemoryUse {
  /** What the process grew by, in bytes: heap and typed arrays, after garbage collection. */
  readonly grownBytes: number
  /** Whether a client that was limited before the keys came is still limited after them. */
  readonly stillLimited: boolean
}

const order = JSON.parse(process.argv[2] ?? '') as MeasureOrder
const subject = limiterSubjects.find(({ name }) => name === order.subject)
if (subject === undefined) throw new Error(`no subject ${order.subject}`)
const result = order.kind === 'speed' ?
  await speed(subject.open(1e9), order) :
  await memory(() => subject.open(100), order)
process.stdout.write(`${JSON.stringify(result)}\n`)

/** Text of a client's address, made anew for each request as a server does; the keys come in no order. */
function address (at: number): string {
  return `10.${at >>> 16}.${at >>> 8 & 255}.${at & 255}`
}

async function speed (check: Check, { keys, ms }: MeasureOrder): Promise<Speed> {
  await checkFor(check, keys, ms)
  const { checks, tookMs } = await checkFor(check, keys, ms)
  return { checksPerSecond: checks / tookMs * 1000 }
}

async function checkFor (
  check: Check,
  keys: number,
  ms: number
): Promise<{ checks: number; tookMs: number }> {
  const startedMs = systemClock.now()
  const only = address(1)
  let checks = 0
  let tookMs = 0
  // All keys are shown at least once, so that none of the measurement is a first sight.
  for (let at = 0; tookMs < ms || checks < keys; tookMs = systemClock.now() - startedMs) {
    const arrivedMs = systemClock.now()
    for (let batch = 0; batch < 2_000; batch++) {
      at = (at + 7_919) % keys
      const admitted = check(keys === 1 ? only : address(at), arrivedMs)
      if (typeof admitted !== 'boolean') await admitted
      checks++
    }
  }
  return { checks, tookMs }
}

async function memory (open: () => Check, { keys }: MeasureOrder): Promise<MemoryUse> {
  const before = used()
  const check = open()
  const arrivedMs = systemClock.now()
  for (let request = 0; request < 200; request++) await check('192.0.2.1', arrivedMs)
  for (let key = 0; key < keys; key++) {
    const admitted = check(address(key), arrivedMs)
    if (typeof admitted !== 'boolean') await admitted
  }
  const grownBytes = used() - before
  return { grownBytes, stillLimited: !await check('192.0.2.1', arrivedMs) }
}

function used (): number {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('start it with --expose-gc')
  gc()
  gc()
  const { heapUsed, external } = memoryUsage()
  return heapUsed + external
}
