import { Agent, request } from 'node:http'
import { systemClock } from '../../src/kernel/index.ts'
import type { Address } from '../harness/index.ts'

export interface Reply {
  readonly status: number
  readonly body: string
  /** When the request was begun and its last byte was here, in milliseconds. */
  readonly sentMs: number
  readonly gotMs: number
}

/** All workers are the same service to those who ask: an answer is kept for the authority that was asked for. */
const headers = { host: 'bench.example' } as const

/** A client that keeps its connections. */
export class HttpClient implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })

  send ({ host, port }: Address, method: 'GET' | 'POST', path: string): Promise<Reply> {
    const sentMs = systemClock.now()
    return new Promise((resolve, reject) => {
      request({ host, port, path, method, agent: this.#agent, headers }, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => body += part)
        response.on('error', reject)
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body, sentMs, gotMs: systemClock.now() })
        })
      }).on('error', reject).end()
    })
  }

  async json<Body> (address: Address, method: 'GET' | 'POST', path: string): Promise<Body> {
    const { status, body } = await this.send(address, method, path)
    if (status !== 200) throw new Error(`${method} ${path} was answered ${status}: ${body}`)
    return JSON.parse(body) as Body
  }

  [Symbol.dispose] (): void {
    this.#agent.destroy()
  }
}
