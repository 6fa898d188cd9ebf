import type { NatsConnection } from '@nats-io/transport-node'
import type { Engine } from '../../../engines/index.ts'
import { type Duration, parseDuration, SettingError } from '../../../kernel/index.ts'
import type { EventSource, EventStream, Subscription } from '../../consumers/index.ts'
import type { Leases } from '../../lease/index.ts'
import { MendingStream } from '../mending-stream.ts'
import { type BrokerSourceOptions, resolveSourceOptions } from '../source-options.ts'
import { openDurableStream } from './durable-stream.ts'
import { type NatsStreamOptions, resolveNatsStream } from './nats-stream.ts'

export interface NatsSourceOptions extends NatsStreamOptions, BrokerSourceOptions {
  /** Yours to close. */
  readonly engine: Engine<NatsConnection>
  /**
   * Keeps all but one process of a consumer standing by: a durable consumer of NATS hands messages to whoever asks, which
   * breaks up the order of keys between processes. Yours to close. Without, run each consumer in one process.
   */
  readonly leases?: Leases
  /**
   * How long the server waits for a sign of life about a message before it hands it out again; at least 1 second. So long
   * does a consumer stand still whose process was killed. Signs are sent by themselves. @default '30s'
   */
  readonly ackWait?: Duration
}

/**
 * Reads events from a stream of NATS JetStream, through a durable pull consumer for each consumer, with explicit
 * acknowledgements. After a loss nothing new is handed out until all that was under way has come back, so that keys stay
 * in order.
 *
 * @throws SettingError for options that are not valid
 */
export function natsSource (options: NatsSourceOptions): EventSource {
  const { engine, leases, ackWait = '30s' } = options
  const place = resolveNatsStream(options)
  const common = resolveSourceOptions('nats', options)
  const ackWaitMs = parseDuration(ackWait, 'nats.ackWait')
  if (!(ackWaitMs >= 1_000)) throw new SettingError('nats.ackWait', 'at least 1 second', ackWait)

  async function subscribe (subscription: Subscription, signal: AbortSignal): Promise<EventStream> {
    const { consumer } = subscription
    const { clock } = common
    const stream = new MendingStream({
      ...common,
      part: `the consumer ${consumer} of nats`,
      open: (closing) =>
        openDurableStream({ engine, place, leases, ackWaitMs, subscription, clock }, closing),
    })
    // Who stands by waits for as long as another process is well: that is no reason not to start.
    if (leases !== undefined) return stream
    try {
      await stream.ready(signal)
    } catch (error) {
      await stream.close()
      throw error
    }
    return stream
  }
  return { name: 'nats', subscribe }
}
