import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { EventSource } from 'undici'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { renderMetrics } from '../../../telemetry/index.ts'
import { type GreeterPlace, greeterPlace, hold, type Running } from './greeter.fixture.ts'

let place: GreeterPlace

before(async () => {
  place = await greeterPlace()
})

after(() => place[Symbol.asyncDispose]())

interface Document {
  readonly state: string
  readonly [member: string]: unknown
}

interface Told {
  readonly id: string
  readonly data: Document
}

/** One client's stream, as it comes. */
class Stream implements AsyncDisposable {
  readonly #response: Response
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  #text = ''

  constructor (response: Response) {
    this.#response = response
    this.#reader = response.body!.getReader()
  }

  get headers (): Headers {
    return this.#response.headers
  }

  /** The next event; `undefined` when the stream has ended. */
  async next (): Promise<Told | undefined> {
    for (;;) {
      const found = /^id: (.+)\ndata: (.+)\n\n/m.exec(this.#text)
      if (found !== null) {
        this.#text = this.#text.slice(found.index + found[0].length)
        return { id: found[1]!, data: JSON.parse(found[2]!) as Document }
      }
      const { done, value } = await this.#reader.read()
      if (done) return undefined
      this.#text += Buffer.from(value).toString()
    }
  }

  /** The next event of a job in that state. */
  async until (state: string): Promise<Told> {
    for (;;) {
      const told = await this.next()
      assert.ok(told !== undefined, `the stream ended before ${state}`)
      if (told.data.state === state) return told
    }
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.#reader.cancel()
  }
}

async function addressOf ({ app }: Running): Promise<string> {
  return await app.listen({ host: '127.0.0.1', port: 0 })
}

const asAcme = { 'x-tenant': 'acme', accept: 'text/event-stream' }

async function streamOf (url: string, headers: Record<string, string> = {}): Promise<Stream> {
  const response = await fetch(url, { headers: { ...asAcme, ...headers } })
  assert.equal(response.status, 200, response.ok ? '' : await response.text())
  return new Stream(response)
}

test('a client hears of each change as an event with the document of the status resource, until the job has ended', async () => {
  await using on = await place.running('all')
  const address = await addressOf(on)
  hold.set('ann', Promise.withResolvers())
  const path = await on.greetingOf('ann')
  await using stream = await streamOf(address + path)
  assert.equal(stream.headers.get('content-type'), 'text/event-stream')
  assert.equal(stream.headers.get('cache-control'), 'no-store')
  assert.match(stream.headers.get('vary') ?? '', /accept\b/)
  const runs = await stream.until('running')
  const { body, headers } = await on.ask(path)
  assert.deepEqual(runs.data, JSON.parse(body))
  assert.equal(headers.etag, `"${runs.id}"`)
  assert.equal((await on.ask(path, { accept: 'text/html' })).headers['content-type']?.includes('json'), true)
  hold.get('ann')?.resolve()
  const end = await stream.until('done')
  assert.deepEqual(end.data, (await on.ask(path)).json())
  assert.equal(await stream.next(), undefined)
})

test('who comes back with the last id gets no event twice, and after the end is told not to come again', async () => {
  await using on = await place.running('all')
  const address = await addressOf(on)
  hold.set('ben', Promise.withResolvers())
  const path = await on.greetingOf('ben')
  await waitUntil(
    'it has told of its progress',
    async () => (await on.ask(path)).json().progress !== undefined
  )
  const first = await streamOf(address + path)
  const known = await first.until('running')
  await first[Symbol.asyncDispose]()
  await using second = await streamOf(address + path, { 'last-event-id': known.id })
  hold.get('ben')?.resolve()
  const news = await second.next()
  assert.equal(news?.data.state, 'done')
  const headers = { ...asAcme, 'last-event-id': news.id }
  assert.equal((await fetch(address + path, { headers })).status, 204)
})

test('an EventSource of a browser gets every state once, and stops by itself', async () => {
  await using on = await place.running('all')
  const address = await addressOf(on)
  hold.set('cid', Promise.withResolvers())
  const path = await on.greetingOf('cid', '')
  const source = new EventSource(address + path)
  const ids: string[] = []
  const states: string[] = []
  source.addEventListener('message', ({ lastEventId, data }) => {
    ids.push(lastEventId)
    states.push((JSON.parse(data) as Document).state)
    if (states.at(-1) === 'running') hold.get('cid')?.resolve()
  })
  await waitUntil('it has stopped', () => source.readyState === EventSource.CLOSED)
  assert.equal(states.at(-1), 'done')
  assert.equal(new Set(ids).size, ids.length)
})

test('streams end in good order when the process stops, and go on in another one', async () => {
  await using first = await place.running('web')
  await using second = await place.running('web')
  const path = await first.greetingOf('dot')
  const address = await addressOf(first)
  await using stream = await streamOf(address + path)
  const known = await stream.until('waiting')
  const waits = first.ask(path, { prefer: 'wait=20' })
  await first.work.drain(30_000)
  assert.equal(await stream.next(), undefined)
  assert.equal((await waits).json().state, 'waiting')
  // A client that still comes to it is sent on at once, in a way that EventSource does not give up on.
  await using late = await streamOf(address + path, { 'last-event-id': known.id })
  assert.equal(await late.next(), undefined)
  await using further = await streamOf(await addressOf(second) + path, { 'last-event-id': known.id })
  await using worker = await place.running('work')
  assert.equal((await further.until('done')).data.state, 'done')
  assert.ok(worker)
})

test('a process has so many streams open as may be; who comes then is told when to come back', async () => {
  await using on = await place.running('web', { env: { PLIMSOLL_WORK_STREAMS: '1' } })
  const address = await addressOf(on)
  const path = await on.greetingOf('eli')
  await using stream = await streamOf(address + path)
  await stream.until('waiting')
  assert.equal(await openStreams(on), 1)
  const refused = await fetch(address + path, { headers: asAcme })
  assert.equal(refused.status, 503)
  assert.match(refused.headers.get('retry-after') ?? '', /^[12]$/)
  assert.equal((await refused.json() as { code: string }).code, 'JOB_STREAMS_FULL')
  assert.equal((await on.ask(path, { prefer: 'wait=1' })).statusCode, 200)
  await stream[Symbol.asyncDispose]()
  await waitUntil('its place is free', async () => await openStreams(on) === 0)
  await using next = await streamOf(address + path)
  assert.equal((await next.until('waiting')).data.attempt, 0)
})

test('the job of another tenant has no events, and a HEAD none at all', async () => {
  await using on = await place.running('web')
  const path = await on.greetingOf('fin')
  const other = await on.ask(path, { ...asAcme, 'x-tenant': 'other' })
  assert.equal(other.json().code, 'JOB_NOT_FOUND')
  const head = await on.app.inject({ method: 'HEAD', url: path, headers: asAcme })
  assert.match(String(head.headers['content-type']), /json/)
})

async function openStreams ({ environment: { telemetry: { registry } } }: Running): Promise<number> {
  let text = ''
  for await (const chunk of renderMetrics(registry.snapshot(), 'prometheus')) text += chunk
  return Number(/^plimsoll_jobs_status_streams (\d+)$/m.exec(text)?.[1])
}
