import { EngineClosedError } from './errors.ts'

/**
 * A client that is opened at most once at a time and freed at most once: what every engine's `connect` and
 * `close` promise. A failed opening is forgotten, so that the next call tries anew.
 */
export class HeldClient<Client> {
  readonly #engine: string
  readonly #open: () => Promise<Client>
  readonly #free: (client: Client) => Promise<void>
  #held: Promise<Client> | undefined
  #opened: Client | undefined
  #closing: Promise<void> | undefined

  constructor (engine: string, open: () => Promise<Client>, free: (client: Client) => Promise<void>) {
    this.#engine = engine
    this.#open = open
    this.#free = free
  }

  /** @throws EngineClosedError after `close()` */
  get (): Promise<Client> {
    if (this.#closing !== undefined) return Promise.reject(new EngineClosedError(this.#engine))
    this.#held ??= this.#start()
    return this.#held
  }

  /** The client, if it is open and was not lost since. */
  get opened (): Client | undefined {
    return this.#opened
  }

  /** @throws EngineClosedError after `close()` */
  throwIfClosed (): void {
    if (this.#closing !== undefined) throw new EngineClosedError(this.#engine)
  }

  get closed (): boolean {
    return this.#closing !== undefined
  }

  /** Drops a client that is lost already, so that the next `get` opens another. */
  forget (client: Client): void {
    if (this.#opened !== client) return
    this.#opened = undefined
    this.#held = undefined
  }

  /** Drops what `get` gave and frees it in the background, so that the next `get` opens another. */
  discard (held: Promise<Client>): void {
    if (this.#held === held) {
      this.#held = undefined
      this.#opened = undefined
    }
    held.then(this.#free).catch(() => {})
  }

  close (): Promise<void> {
    this.#closing ??= this.#freeHeld()
    return this.#closing
  }

  #start (): Promise<Client> {
    const held = this.#open()
    held.then(
      (client) => {
        if (this.#held === held) this.#opened = client
      },
      () => {
        if (this.#held === held) this.#held = undefined
      }
    )
    return held
  }

  async #freeHeld (): Promise<void> {
    if (this.#held === undefined) return
    const [opened] = await Promise.allSettled([this.#held])
    if (opened.status === 'fulfilled') await this.#free(opened.value)
  }
}
