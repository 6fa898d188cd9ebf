import { manualClock } from '../../kernel/index.ts'
import { ipcChannel } from './ipc-channel.ts'
import { channelPair } from './local-channel.ts'
import { serveLocalEngine } from './serve-local-engine.ts'

/**
 * A real process that holds the state. Over its one IPC line come the messages of several workers: each is
 * in an envelope with the worker's number, so that one process can play them all.
 */
const clock = manualClock()
const server = serveLocalEngine({ clock })
const workers = new Map<number, (message: unknown) => void>()

function attach (worker: number): void {
  const [outer, inner] = channelPair()
  outer.onMessage((message) => process.send?.({ worker, message }))
  workers.set(worker, (message) => outer.send(message))
  server.attach(inner)
}

interface Envelope {
  readonly worker?: number
  readonly message?: unknown
  readonly moveMs?: number
}

process.on('message', (envelope: Envelope) => {
  if (envelope.moveMs !== undefined) {
    clock.advance(envelope.moveMs)
    process.send?.({ moved: envelope.moveMs })
  }
  if (envelope.worker === undefined) return
  if (!workers.has(envelope.worker)) attach(envelope.worker)
  workers.get(envelope.worker)?.(envelope.message)
})

/** The usual line too: one worker at the other end of this process's IPC. */
server.attach(ipcChannel(process))
