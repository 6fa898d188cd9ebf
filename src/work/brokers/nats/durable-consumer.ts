import type { ConsumerConfig, ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { Subscription } from '../../consumers/index.ts'
import { isNotFound, type NatsStreamPlace, subjectOf } from './nats-stream.ts'

/** The place of a consumer in a stream, as the server keeps it. */
export interface DurablePlace {
  readonly place: NatsStreamPlace
  readonly subscription: Subscription
  readonly ackWaitMs: number
}

/** Letters, digits, `-` and `_` as they are; others by their number. */
export function durableName (consumer: string): string {
  return consumer.replace(/[^\w-]/gu, (sign) => `_${sign.codePointAt(0)!.toString(16)}_`)
}

/** Makes it, or brings it up to date: its types and its window may have changed since. */
export async function ensureConsumer (
  manager: JetStreamManager,
  connection: NatsConnection,
  { place, subscription, ackWaitMs }: DurablePlace
): Promise<ConsumerInfo> {
  const name = durableName(subscription.consumer)
  const wish = {
    ...filterOf(connection, place, subscription),
    ack_wait: ackWaitMs * 1_000_000,
    max_ack_pending: subscription.window,
  }
  try {
    const info = await manager.consumers.info(place.stream, name)
    const same = Object.entries(wish).every(([key, value]) =>
      JSON.stringify(info.config[key as keyof ConsumerConfig]) === JSON.stringify(value)
    )
    return same ? info : await manager.consumers.update(place.stream, name, wish)
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  return await manager.consumers.add(place.stream, {
    ...wish,
    durable_name: name,
    ack_policy: 'explicit',
    deliver_policy: subscription.from === 'beginning' ? 'all' : 'new',
    // Never set aside: retries and dead letters are the consumer's.
    max_deliver: -1,
  })
}

/** Servers before 2.10 take one filter only; there, other types come too, and are acknowledged unseen. */
function filterOf (
  { info }: NatsConnection,
  place: NatsStreamPlace,
  { types }: Subscription
): Pick<ConsumerConfig, 'filter_subject'> | Pick<ConsumerConfig, 'filter_subjects'> {
  const subjects = types.map((type) => subjectOf(place, type))
  const [only] = subjects
  if (only !== undefined && subjects.length === 1) return { filter_subject: only }
  const [major = 0, minor = 0] = (info?.version ?? '').split('.').map(Number)
  const takesMany = major > 2 || (major === 2 && minor >= 10)
  return takesMany ? { filter_subjects: subjects } : { filter_subject: `${place.subjects}.>` }
}
