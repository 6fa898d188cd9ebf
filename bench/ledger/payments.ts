import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Random } from '../../src/kernel/index.ts'

/**
 * A payment service that has bad days: it fails before it has done anything, fails after, and is slow. It knows what it
 * has done by `Idempotency-Key`, as such services do.
 */
export class Payments implements AsyncDisposable {
  readonly #server: Server
  readonly #random: Random
  /** By what was done and for whom, the keys under which it was done. */
  readonly #done: Map<string, Set<string>> = new Map()
  /** Whether it has bad days. */
  isFlaky = true
  requests = 0

  private constructor (random: Random) {
    this.#random = random
    this.#server = createServer((request, response) => {
      const answer = (status: number): void => void response.writeHead(status).end()
      this.requests++
      const luck = this.isFlaky ? this.#random() : 1
      if (luck < 0.05) return answer(503)
      this.#take(request.url ?? '', String(request.headers['idempotency-key']))
      if (luck < 0.1) return answer(500)
      if (luck < 0.15) return void setTimeout(() => answer(200), 400)
      answer(200)
    })
  }

  static async open (random: Random): Promise<Payments> {
    const payments = new Payments(random)
    await new Promise<void>((resolve) => payments.#server.listen(0, '127.0.0.1', resolve))
    return payments
  }

  get url (): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Effects of one kind, by what they are of; more than one where it was asked for under several keys. */
  effects (kind: string): ReadonlyMap<string, number> {
    const prefix = `/${kind}/`
    return new Map(
      [...this.#done].filter(([what]) => what.startsWith(prefix)).map((
        [what, keys]
      ) => [what.slice(prefix.length), keys.size])
    )
  }

  #take (what: string, key: string): void {
    const keys = this.#done.get(what)
    if (keys === undefined) this.#done.set(what, new Set([key]))
    else keys.add(key)
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
