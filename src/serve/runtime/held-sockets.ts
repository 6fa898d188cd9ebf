import net from 'node:net'

/** A bound socket as node:net and node:cluster pass it around. */
interface Handle {
  close: (done?: () => void) => void
}

type CreateHandle = (
  address: string | null,
  port: number | null,
  addressType: number | string | null,
  ...rest: readonly unknown[]
) => Handle | number

/** What node:cluster calls to bind a socket for its workers. Exported by node:net, not documented. */
interface NetInternals {
  _createServerHandle: CreateHandle
}

interface Held {
  readonly handle: Handle
  readonly close: Handle['close']
  /** Whether node:cluster is done with it, since the last of its workers has gone. */
  let: boolean
}

/**
 * Keeps listening sockets open while no worker lives.
 *
 * node:cluster closes a listening socket when the last worker that uses it has gone, and the kernel resets
 * every connection that waits in its accept queue; until the next worker listens, clients are refused.
 * Here the close that node:cluster asks for is put off, and it gets the same socket back when the next
 * worker wants that address. Clients that connect in between wait in the queue, and are answered.
 *
 * This holds for `acceptMode` "shared", where the supervisor binds a socket and never reads it. With
 * "round-robin" node:cluster accepts in the supervisor through another way that cannot be held: there
 * the port is closed between the death of the last worker and the next one's listening.
 *
 * It is the one place that builds on something undocumented of Node (`net._createServerHandle`, there since
 * 0.6, checked on 24 and 26). Where it is missing, nothing is held, and everything else works.
 */
export class HeldSockets {
  readonly #held = new Map<string, Held>()
  readonly #internals: NetInternals = net as unknown as NetInternals
  readonly #create: CreateHandle | undefined
  #closed = false

  /** From here on each socket that node:cluster binds is held. */
  constructor () {
    this.#create = this.#internals._createServerHandle
    if (typeof this.#create !== 'function') return
    this.#internals._createServerHandle = (...args) => this.#createOrReuse(args)
  }

  /** Addresses held, as `host:port` or path. */
  get addresses (): readonly string[] {
    return [...this.#held.keys()]
  }

  /** Stops holding addresses for which `wanted` is false: those that a reload has left. */
  release (wanted: (address: string) => boolean): void {
    for (const [address, held] of this.#held) {
      if (wanted(address)) continue
      this.#held.delete(address)
      held.handle.close = held.close
      if (held.let) held.handle.close()
    }
  }

  /** Closes what is held, once node:cluster has let go of it, and gives node:net its own function back. */
  close (): void {
    if (this.#closed) return
    this.#closed = true
    this.release(() => false)
    if (this.#create !== undefined) this.#internals._createServerHandle = this.#create
  }

  #createOrReuse (args: Parameters<CreateHandle>): Handle | number {
    const [address, port] = args
    const key = port === null || port < 0 ? `unix:${address}` : `${address}:${port}`
    const known = this.#held.get(key)
    if (known !== undefined) {
      known.let = false
      return known.handle
    }
    const handle = this.#create!.apply(net, args)
    // A number is an error of the system, for node:cluster to pass on to the worker.
    if (typeof handle === 'number' || address === null) return handle
    const held: Held = { handle, close: handle.close.bind(handle), let: false }
    handle.close = () => {
      held.let = true
    }
    this.#held.set(key, held)
    return handle
  }
}
