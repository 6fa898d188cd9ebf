import { randomUUID } from 'node:crypto'
import { type Dispatcher, Pool } from 'undici'

export interface ProducersOptions {
  /** Where things are made. */
  readonly origin: string
  /** Each makes the things of its own key, one after the other. */
  readonly keys: number
  /** Between two things of a key, in milliseconds. */
  readonly pauseMs: number
}

/** Clients that make things, and ask again, with the same id, for as long as they were not told that it is there. */
export class Producers {
  readonly #options: ProducersOptions
  readonly #client: Pool
  readonly #ending = new AbortController()
  readonly #running: Promise<void>
  /** Things whose clients were told that they are there. */
  told = 0
  /** Requests that had no answer, or one that asks to come back. */
  repeated = 0

  constructor (options: ProducersOptions) {
    this.#options = options
    this.#client = new Pool(options.origin, {
      connections: options.keys,
      headersTimeout: 5_000,
      bodyTimeout: 5_000,
    })
    this.#running = Promise.all(Array.from({ length: options.keys }, (_, key) => this.#produce(key))).then(
      () => {}
    )
  }

  /** Every client finishes the thing it is at. */
  async stop (): Promise<void> {
    this.#ending.abort()
    await this.#running
    await this.#client.destroy()
  }

  async #produce (key: number): Promise<void> {
    for (let turn = 0; !this.#ending.signal.aborted; turn++) {
      const body = JSON.stringify({ id: randomUUID(), key, turn })
      while (!(await this.#make(body))) {
        this.repeated++
        await pause(100)
      }
      this.told++
      await pause(this.#options.pauseMs)
    }
  }

  async #make (body: string): Promise<boolean> {
    const request: Dispatcher.RequestOptions = {
      path: '/things',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    }
    try {
      const { statusCode, body: answer } = await this.#client.request(request)
      const text = await answer.text()
      if (statusCode === 400 || statusCode === 404) throw new Refused(text)
      return statusCode === 202
    } catch (error) {
      if (error instanceof Refused) throw error
      return false
    }
  }
}

/** The rig itself is wrong: no fault explains such an answer. */
class Refused extends Error {}

function pause (ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
