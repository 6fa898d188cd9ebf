import type { RequestListener, Server } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { type BoundAddress, type Listener, type ListenOptions, openListener } from './index.ts'

export interface Listening extends AsyncDisposable {
  readonly listener: Listener
  readonly server: Server
  readonly bound: readonly BoundAddress[]
  /** Of the first TCP address. */
  readonly port: number
}

/** A listener at a free port (or at `options.addresses`) that is gone at the end of the test. */
export async function listening (
  handler: RequestListener,
  options: Partial<ListenOptions> = {}
): Promise<Listening> {
  const listener = openListener({ addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }], ...options })
  const server = listener.attach(handler)
  const bound = await listener.listen()
  const tcp = bound.find((address) => address.kind === 'tcp')
  return {
    listener,
    server,
    bound,
    port: tcp?.port ?? 0,
    async [Symbol.asyncDispose] () {
      // A drain that a test began with a clock of its own may wait for ever; its clients are gone by now.
      await Promise.race([listener.drain({ graceMs: 0, idleMs: 0 }), turn()])
    },
  }
}

/** Lets the loop turn until `condition` holds; the caller's test timeout bounds it. */
export async function waitUntil (condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}
