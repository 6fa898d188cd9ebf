import { type LocalServer, serveLocalEngine } from '../../engines/index.ts'
import type { Cancel, Clock } from '../../kernel/index.ts'

interface Line {
  readonly receive: (message: unknown) => void
  readonly detach: Cancel
}

/** The local engine's state, which this process holds for its workers: it outlives each of them. */
export class LocalState {
  readonly #server: LocalServer
  readonly #lines = new Map<number, Line>()

  constructor (clock: Clock) {
    this.#server = serveLocalEngine({ clock })
  }

  /** Serves a worker until it has gone. */
  attach (worker: number, send: (message: unknown) => void): void {
    let receive: Line['receive'] = () => {}
    const detach = this.#server.attach({
      send,
      onMessage: (listener) => {
        receive = listener
      },
      close: () => {},
    })
    this.#lines.set(worker, { receive: (message) => receive(message), detach })
  }

  heard (worker: number, message: unknown): void {
    this.#lines.get(worker)?.receive(message)
  }

  gone (worker: number): void {
    this.#lines.get(worker)?.detach()
    this.#lines.delete(worker)
  }
}
