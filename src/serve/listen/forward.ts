import type { EventEmitter } from 'node:events'

/** What an application may listen to on its server, beyond requests. */
const forwarded: ReadonlySet<string | symbol> = new Set([
  'upgrade',
  'connect',
  'checkContinue',
  'checkExpectation',
  'clientError',
])

/**
 * Passes such events of `server` on to `first`, as long as somebody listens there: whether an event has a
 * listener changes what node does, e.g. an upgrade nobody listens for is answered as a plain request.
 */
export function forwardEvents (server: EventEmitter, first: EventEmitter): void {
  const forwarders = new Map<string | symbol, (...args: unknown[]) => void>()
  first.on('newListener', (event: string | symbol) => {
    if (!forwarded.has(event) || forwarders.has(event)) return
    const forward = (...args: unknown[]): void => {
      first.emit(event, ...args)
    }
    forwarders.set(event, forward)
    server.on(event, forward)
  })
  first.on('removeListener', (event: string | symbol) => {
    const forward = forwarders.get(event)
    if (forward === undefined || first.listenerCount(event) > 0) return
    forwarders.delete(event)
    server.off(event, forward)
  })
}
