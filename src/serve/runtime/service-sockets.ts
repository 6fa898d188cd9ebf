import { finishSocketPath, prepareSocketPath } from '../listen/index.ts'
import type { HeldSockets } from './held-sockets.ts'

const unixPrefix = 'unix:'

/**
 * The supervisor's part in the service's sockets: paths of UNIX sockets are made ready before a worker binds
 * them, and get their permissions after; addresses that a reload has left are closed.
 */
export class ServiceSockets {
  readonly #held: HeldSockets
  /** Paths that are bound, or about to be. */
  readonly #paths = new Set<string>()
  #unfinished: string[] = []

  constructor (held: HeldSockets) {
    this.#held = held
  }

  /**
   * Makes the addresses ready that are not held yet.
   *
   * @throws ListenError when the path of a UNIX socket is taken
   */
  async prepare (listen: readonly string[]): Promise<void> {
    for (const path of pathsIn(listen)) {
      if (this.#paths.has(path)) continue
      await prepareSocketPath(path)
      this.#paths.add(path)
      this.#unfinished.push(path)
    }
  }

  /** The service listens: new sockets get their permissions. */
  async finish (mode = '660'): Promise<void> {
    for (const path of this.#unfinished.splice(0)) await finishSocketPath(path, mode)
  }

  /**
   * Closes all other addresses.
   *
   * @param listen as asked for
   * @param bound as the workers say: a host name has become an address there
   */
  keepOnly (listen: readonly string[], bound: readonly string[]): void {
    const wanted = new Set([...listen, ...bound].map(comparable))
    this.#held.release((address) => wanted.has(comparable(address)))
    const paths = new Set(pathsIn(listen))
    for (const path of this.#paths) if (!paths.has(path)) this.#paths.delete(path)
  }

  close (): void {
    this.#held.close()
  }
}

function pathsIn (listen: readonly string[]): string[] {
  return listen.filter((address) => address.startsWith(unixPrefix)).map((address) =>
    address.slice(unixPrefix.length)
  )
}

/** An IPv6 host is written with brackets in settings, and without by node:net. */
function comparable (address: string): string {
  return address.replace(/^\[(.*)\]/, '$1')
}
