import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type ManualClock, manualClock } from '../../../kernel/index.ts'
import { type BodySource, S3Body } from './s3-body.ts'

const mebibyte = Buffer.alloc(1024 * 1024, 'x')

/** An answer whose body says what it is told to, and notes when nobody wants it any more. */
class Answer {
  readonly response: Response
  isDropped = false
  #body: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor (etag: string | null = '"a"') {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#body = controller),
      cancel: () => void (this.isDropped = true),
    })
    this.response = new Response(stream, etag === null ? {} : { headers: { etag } })
  }

  say (piece: Uint8Array): void {
    this.#body!.enqueue(piece)
  }

  end (): void {
    this.#body!.close()
  }

  breakOff (): void {
    this.#body!.error(new TypeError('terminated'))
  }
}

interface Opened {
  readonly body: S3Body
  readonly clock: ManualClock
  readonly answers: Answer[]
  readonly from: number[]
  /** Lets time pass in steps, each with room for what it brings about. */
  pass(ms: number): Promise<void>
}

function open (more: Partial<BodySource> = {}, first: Answer = new Answer()): Opened {
  const clock = manualClock()
  const answers = [first]
  const from: number[] = []
  const body = new S3Body({
    task: 'read f',
    first: first.response,
    start: 0,
    end: 99_999_999,
    async reopen (at, etag) {
      from.push(at)
      answers.push(new Answer(etag))
      return answers.at(-1)!.response
    },
    signal: undefined,
    idleMs: 2_000,
    timeoutMs: 10_000,
    pauses: { baseMs: 100, capMs: 100 },
    clock,
    random: () => 0,
    ...more,
  })
  async function pass (ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      await turn()
      clock.advance(500)
    }
    await turn()
  }
  return { body, clock, answers, from, pass }
}

test('what trickles in is opened anew when 8 MiB take longer than the time for that', async () => {
  const { body, answers, from, pass } = open()
  body.resume()
  let told = 0
  for (; !answers[0]!.isDropped; told++) {
    answers[0]!.say(Buffer.from('.'))
    await pass(1_000)
  }
  assert.equal(told, 10)
  await pass(1_000)
  assert.deepEqual(from, [10])
  body.destroy()
})

test('the time that a reader takes is not the store’s', async () => {
  const { body, answers, from, pass } = open({ end: 2 * mebibyte.length - 1 })
  answers[0]!.say(mebibyte)
  await once(body, 'readable')
  while (body.readableLength < mebibyte.length) await turn()
  await pass(60_000)
  assert.deepEqual(from, [])
  answers[0]!.say(mebibyte)
  assert.equal((await text(body)).length, 2 * mebibyte.length)
})

test('one that never goes on errs after five tries, with a code to match on', async () => {
  const { body, from, pass } = open()
  const failing = assert.rejects(text(body), {
    code: 'FILE_STORE_UNAVAILABLE',
    reason: 'it stalled in the middle of its answer',
  })
  await pass(15_000)
  await failing
  assert.deepEqual(from, [0, 0, 0, 0])
})

test('each 8 MiB have tries of their own', async () => {
  const { body, answers, from, pass } = open({ end: 40 * mebibyte.length })
  body.resume()
  for (let stretch = 0; stretch < 4; stretch++) {
    for (let failure = 0; failure < 4; failure++) {
      answers.at(-1)!.breakOff()
      await pass(1_000)
    }
    for (let told = 0; told < 8; told++) answers.at(-1)!.say(mebibyte)
    await pass(1_000)
  }
  assert.equal(from.length, 16)
  assert.equal(from.at(-1), 3 * 8 * mebibyte.length)
  assert.equal(body.destroyed, false)
  body.destroy()
})

test('an answer that ends before its last byte is no end', async () => {
  const { body, answers, from, pass } = open({ start: 10, end: 14 })
  const reading = text(body)
  answers[0]!.say(Buffer.from('ab'))
  await turn()
  answers[0]!.end()
  await pass(1_000)
  assert.deepEqual(from, [12])
  answers[1]!.say(Buffer.from('cde'))
  assert.equal(await reading, 'abcde')
})

test('where no tag tells that the file is still the same, it is not gone on with', async () => {
  const first = new Answer(null)
  const { body, from, pass } = open({}, first)
  const failing = assert.rejects(text(body), {
    code: 'FILE_STORE_UNAVAILABLE',
    reason: 'its answer broke off',
  })
  first.breakOff()
  await pass(1_000)
  await failing
  assert.deepEqual(from, [])
})

test('a file of unknown length ends with its answer', async () => {
  const { body, answers } = open({ end: undefined })
  answers[0]!.say(Buffer.from('ab'))
  answers[0]!.end()
  assert.equal(await text(body), 'ab')
})

test('who leaves while it stalls, or aborts, lets go of it at once', async () => {
  const left = open()
  left.body.resume()
  await turn()
  left.body.destroy()
  await once(left.body, 'close')
  assert.equal(left.answers[0]!.isDropped, true)

  const controller = new AbortController()
  const aborted = open({ signal: controller.signal })
  const failing = assert.rejects(text(aborted.body), /cancelled/)
  await turn()
  controller.abort(new Error('cancelled'))
  await failing
  assert.equal(aborted.answers[0]!.isDropped, true)
  await assert.rejects(text(open({ signal: controller.signal }).body), /cancelled/)
})
