import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { type Engine, loadNatsJetstream, watchNatsConnection } from '../../../engines/index.ts'
import { type Clock, inTime, sleep } from '../../../kernel/index.ts'
import type { Backlog, Delivery } from '../../consumers/index.ts'
import type { EventMessage } from '../../events/index.ts'
import type { HeldLease, Leases } from '../../lease/index.ts'
import { readEnvelope } from '../envelope.ts'
import { Inbound } from '../inbound.ts'
import type { BrittleStream } from '../mending-stream.ts'
import { durableName, type DurablePlace, ensureConsumer } from './durable-consumer.ts'
import { ensureStream, plainText } from './nats-stream.ts'

export interface DurableStreamOptions extends DurablePlace {
  readonly engine: Engine<NatsConnection>
  readonly leases: Leases | undefined
  readonly clock: Clock
}

/** How long a close waits for the server's word, in milliseconds. */
const closeMs = 2_000
/** Between looks at whether all that was under way has come back, in milliseconds. */
const lookMs = 200

/** Waits for the consumer's lease, where there are leases. */
export async function openDurableStream (
  options: DurableStreamOptions,
  closing: AbortSignal
): Promise<BrittleStream> {
  const { leases, place, subscription } = options
  const name = `source nats ${place.stream} ${subscription.consumer}`
  const lease = await leases?.hold(name, closing)
  try {
    return await openHeld(options, lease)
  } catch (error) {
    await lease?.release()
    throw error
  }
}

async function openHeld (
  options: DurableStreamOptions,
  lease: HeldLease | undefined
): Promise<BrittleStream> {
  const { engine, place, subscription } = options
  const { jetstream, jetstreamManager } = await loadNatsJetstream()
  const connection = await engine.connect()
  const { lost } = watchNatsConnection(connection)
  lost.throwIfAborted()
  const manager = await jetstreamManager(connection, { checkAPI: false })
  await ensureStream(manager, place)
  const { num_ack_pending: underWay } = await ensureConsumer(manager, connection, options)
  const consumer = await jetstream(connection).consumers.get(place.stream, durableName(subscription.consumer))
  const stream = new DurableStream(options, connection, consumer, lease)
  await stream.start(underWay, lost)
  return stream
}

/** What the server has handed to this process. */
class DurableStream implements BrittleStream {
  readonly #options: DurableStreamOptions
  readonly #connection: NatsConnection
  readonly #consumer: Consumer
  readonly #lease: HeldLease | undefined
  readonly #inbound: Inbound = new Inbound()
  readonly #ended: AbortController = new AbortController()
  /** Not acknowledged, by their number in the stream. Of one that came again, the last handle counts. */
  readonly #open: Map<number, JsMsg> = new Map()
  /** What came while older messages are still to come back; undefined when they have. */
  #stash: Map<number, JsMsg> | undefined
  #messages: ConsumerMessages | undefined
  #cancelSigns: (() => void) | undefined
  #closing: Promise<void> | undefined

  constructor (
    options: DurableStreamOptions,
    connection: NatsConnection,
    consumer: Consumer,
    lease: HeldLease | undefined
  ) {
    this.#options = options
    this.#connection = connection
    this.#consumer = consumer
    this.#lease = lease
  }

  async start (underWay: number, lost: AbortSignal): Promise<void> {
    const { subscription: { window }, ackWaitMs, clock } = this.#options
    this.#failWith(lost)
    if (this.#lease !== undefined) this.#failWith(this.#lease.signal)
    if (underWay > 0) this.#stash = new Map()
    this.#messages = await this.#consumer.consume({
      callback: (message) => this.#take(message),
      max_messages: window,
      abort_on_missing_resource: true,
    })
    this.#messages.closed().then((error) => {
      this.#fail(error instanceof Error ? error : new Error('the consumer of the stream is gone'))
    }).catch(() => {})
    this.#cancelSigns = clock.every(ackWaitMs / 3, () => {
      for (const message of [...this.#open.values(), ...this.#stash?.values() ?? []]) message.working()
    })
    if (this.#stash !== undefined) void this.#waitForOlder()
  }

  pull (limit: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    return this.#inbound.pull(limit, signal)
  }

  async backlog (): Promise<Backlog> {
    const { num_pending: waiting, num_ack_pending: underWay } = await this.#consumer.info()
    const [oldest] = this.#open.values()
    return {
      messages: waiting + underWay,
      oldestAtMs: oldest === undefined ? undefined : eventOf(oldest).occurredAtMs,
    }
  }

  close (): Promise<void> {
    this.#fail(new Error('the stream is closed'))
    return this.#closing ??= this.#close()
  }

  async #close (): Promise<void> {
    const { clock } = this.#options
    this.#cancelSigns?.()
    await this.#messages?.close()
    if (watchNatsConnection(this.#connection).connected)
      await inTime(clock, closeMs, this.#handBack()).catch(() => {})
    await this.#lease?.release()
  }

  /** So that what is not acknowledged is handed out again at once, and in its order. */
  async #handBack (): Promise<void> {
    const left = [...this.#open, ...this.#stash ?? []].toSorted(([one], [other]) => one - other)
    // Makes the server look for requests that nobody waits for any more. Servers of 2.9 would hand the first of these to
    // ours, find nobody there, and count it as under way until its time is over.
    if (left.length > 0) await this.#consumer.info()
    for (const [, message] of left) message.nak()
    await this.#connection.flush()
  }

  #failWith (signal: AbortSignal): void {
    const fail = (): void => this.#fail(signal.reason instanceof Error ? signal.reason : new Error('lost'))
    signal.addEventListener('abort', fail, { once: true, signal: this.#ended.signal })
    if (signal.aborted) fail()
  }

  #fail (reason: Error): void {
    this.#ended.abort(reason)
    this.#inbound.fail(reason)
  }

  #take (message: JsMsg): void {
    if (this.#inbound.failed) return
    if (this.#stash !== undefined) this.#stash.set(message.seq, message)
    else if (this.#open.has(message.seq)) this.#open.set(message.seq, message)
    else this.#hand(message)
  }

  #hand (message: JsMsg): void {
    const { seq } = message
    this.#open.set(seq, message)
    this.#inbound.push({
      message: eventOf(message),
      deliveredBefore: message.info.deliveryCount - 1,
      ack: () => {
        const last = this.#open.get(seq)
        if (this.#inbound.failed || last === undefined) return
        this.#open.delete(seq)
        last.ack()
      },
      // Whatever came behind it may be under way: the server hands out anew all that is not acknowledged, in its order.
      giveBack: () => this.#fail(new Error('a message was given back')),
    })
  }

  /** Until the server says that all that is not acknowledged is here; then it is handed out in the stream's order. */
  async #waitForOlder (): Promise<void> {
    const { clock } = this.#options
    try {
      for (;;) {
        const { num_ack_pending: underWay } = await this.#consumer.info()
        if (underWay <= (this.#stash?.size ?? 0)) break
        await sleep(clock, lookMs, this.#ended.signal)
      }
    } catch (error) {
      return this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
    const stash = [...this.#stash?.values() ?? []].toSorted((one, other) => one.seq - other.seq)
    this.#stash = undefined
    for (const message of stash) this.#hand(message)
  }
}

function eventOf (message: JsMsg): EventMessage {
  const headers = new Map<string, string>()
  for (const [name, [value = '']] of message.headers ?? []) {
    if (!name.toLowerCase().startsWith('nats-')) headers.set(name.toLowerCase(), plainText(value))
  }
  return readEnvelope(headers, message.string(), {
    id: `${message.info.stream}:${message.seq}`,
    type: message.subject,
    key: '',
    atMs: message.time.getTime(),
  })
}
