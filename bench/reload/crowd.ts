import type { Address } from '../harness/index.ts'
import type { Mode } from './mode.ts'
import { Tally } from './tally.ts'
import { User } from './user.ts'

/** How many users ask for a path, and how long they think between an answer and the next request. */
const groups = [
  { path: '/ping', users: 16, thinkMs: 10 },
  { path: '/slow', users: 4, thinkMs: 0 },
  { path: '/stream', users: 4, thinkMs: 0 },
] as const

/** Users who keep a server busy, with slow and streaming answers always in flight. */
export class Crowd {
  readonly tally: Tally = new Tally()
  readonly #users: readonly User[]

  constructor ({ host, port }: Address, { tls, connectAnew }: Mode) {
    const { tally } = this
    this.#users = groups.flatMap(({ path, users, thinkMs }) =>
      Array.from({ length: users }, () => new User({ host, port, tls, connectAnew, path, thinkMs, tally }))
    )
  }

  /** Requests without an outcome, whose connection ends at one of these ports of the client. */
  outstandingAt (ports: ReadonlySet<number>): number {
    return this.#users.filter(({ outstanding, localPort }) => outstanding && ports.has(localPort ?? 0)).length
  }

  /** Lets what is under way finish; afterwards the tally is complete. */
  async leave (): Promise<void> {
    await Promise.all(this.#users.map((user) => user.stop()))
  }
}
