import type { LocalChannel } from './local-channel.ts'

/** What `process` in a forked child, a `ChildProcess` and a cluster's `Worker` have in common. */
export interface IpcPeer {
  // Methods with loose parameters, so that all three fit.
  send?(message: object, callback: (error: Error | null) => void): boolean
  on(event: 'message', listener: (message: unknown) => void): unknown
  off(event: 'message', listener: (message: unknown) => void): unknown
}

const mark = 'plimsoll.local'

/**
 * The local engine's line over Node's IPC, which others may use at the same time: messages carry a mark. In
 * the worker pass `process`, in the supervisor the worker.
 */
export function ipcChannel (peer: IpcPeer): LocalChannel {
  let listen: ((message: unknown) => void) | undefined
  return {
    send (message) {
      // With a callback a line that is down is told there; without, as an uncaught 'error' event.
      peer.send?.({ [mark]: message }, () => {})
    },
    onMessage (listener) {
      listen = (wrapped) => {
        if (typeof wrapped === 'object' && wrapped !== null && mark in wrapped) listener(wrapped[mark])
      }
      peer.on('message', listen)
    },
    close () {
      if (listen !== undefined) peer.off('message', listen)
    },
  }
}
