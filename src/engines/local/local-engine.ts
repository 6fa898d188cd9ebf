import { type Cancel, type Clock, systemClock, untilAborted } from '../../kernel/index.ts'
import type { Engine } from '../engine.ts'
import { EngineUnavailableError } from '../errors.ts'
import { HeldClient } from '../held-client.ts'
import { ChannelClient, engineName } from './channel-client.ts'
import { channelPair, type LocalChannel } from './local-channel.ts'
import type { LocalClient } from './local-client.ts'
import { serveLocalEngine } from './serve-local-engine.ts'

export interface LocalEngineOptions {
  /** The line to the supervisor; the engine closes it. @default none: the state is this process's own */
  readonly channel?: LocalChannel
  /** How long to wait for an answer, in milliseconds. @default 2,000 */
  readonly timeoutMs?: number
  readonly clock?: Clock
}

/** A worker's door to the state that its supervisor holds; without a channel, the same within one process. */
export function localEngine (options: LocalEngineOptions = {}): Engine<LocalClient> {
  const { clock = systemClock, timeoutMs = 2_000 } = options
  let detach: Cancel | undefined

  function open (): LocalChannel {
    if (options.channel !== undefined) return options.channel
    const [channel, serverEnd] = channelPair()
    detach = serveLocalEngine({ clock }).attach(serverEnd)
    return channel
  }

  let shared: ChannelClient | undefined
  const held = new HeldClient(engineName, async () => {
    // Kept over a failed first try: the channel takes one client.
    shared ??= new ChannelClient(open(), clock, timeoutMs)
    await shared.ping()
    return shared
  }, async () => {})

  async function check (signal: AbortSignal): Promise<void> {
    try {
      const client = await untilAborted(held.get(), signal)
      await untilAborted(client.ping(), signal)
    } catch (error) {
      if (!signal.aborted) throw error
      throw new EngineUnavailableError(
        engineName,
        'the supervisor',
        'it did not answer in time',
        signal.reason
      )
    }
  }

  async function close (): Promise<void> {
    // First, so that a connect that waits is told rather than waited for.
    shared?.close()
    await held.close()
    detach?.()
  }

  return { name: engineName, connect: () => held.get(), check, close, [Symbol.asyncDispose]: close }
}
