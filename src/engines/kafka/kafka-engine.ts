import type { Admin, BaseOptions } from '@platformatic/kafka'
import { type Clock, SettingError, systemClock, untilAborted } from '../../kernel/index.ts'
import type { Engine } from '../engine.ts'
import { EngineClosedError, EngineUnavailableError } from '../errors.ts'
import { HeldClient } from '../held-client.ts'
import { explainKafkaError } from './explain.ts'
import { type Kafka, loadKafka } from './load-kafka.ts'

export interface KafkaEngineOptions {
  /** `host:port` of a few brokers; the others are learned from them. */
  readonly brokers: readonly string[]
  /** Names this service in the brokers' logs and quotas. @default 'plimsoll' */
  readonly clientId?: string
  /** User and password, or a token. */
  readonly sasl?: BaseOptions['sasl']
  /** For brokers that speak TLS; `{}` where their certificates are trusted by the system. */
  readonly tls?: BaseOptions['tls']
  /** How long `connect` may take, in milliseconds. @default 5,000 */
  readonly connectTimeoutMs?: number
  /** After so long without an answer a request fails, in milliseconds. @default 10,000 */
  readonly replyTimeoutMs?: number
  readonly clock?: Clock
}

/** What an engine gives of Kafka, where a producer and a consumer are clients of their own, with their own sockets. */
export interface KafkaClient {
  readonly kafka: Kafka
  /** What every client of this cluster is made with. */
  readonly settings: BaseOptions
  /** For questions about the cluster, topics and groups. */
  readonly admin: Admin
}

/**
 * A Kafka cluster, through the optional package `@platformatic/kafka`. The engine holds the client for administration;
 * it connects anew by itself when a broker was away.
 *
 * @throws SettingError for a wrong broker
 */
export function kafkaEngine (options: KafkaEngineOptions): Engine<KafkaClient> {
  const {
    brokers,
    clientId = 'plimsoll',
    connectTimeoutMs = 5_000,
    replyTimeoutMs = 10_000,
    clock = systemClock,
  } = options
  if (brokers.length === 0) throw new SettingError('kafka.brokers', brokerRule, 'no broker')
  for (const broker of brokers) checkBroker(broker)
  const target = brokers.join(',')
  const settings: BaseOptions = {
    clientId,
    bootstrapBrokers: [...brokers],
    connectTimeout: connectTimeoutMs,
    requestTimeout: replyTimeoutMs,
    // Trying again is for those who know what for.
    retries: 0,
    ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  }

  function unavailable (error: unknown, reason = explainKafkaError(error)): EngineUnavailableError {
    return new EngineUnavailableError('kafka', target, reason, error)
  }

  async function open (): Promise<KafkaClient> {
    const kafka = await loadKafka()
    const admin = new kafka.Admin(settings)
    const timeout = new AbortController()
    const cancel = clock.after(connectTimeoutMs, () => timeout.abort())
    try {
      await untilAborted(askCluster(admin), timeout.signal)
      return { kafka, settings, admin }
    } catch (error) {
      admin.close().catch(() => {})
      throw timeout.signal.aborted ?
        unavailable(error, 'it did not answer in time; check host, port and firewall') :
        unavailable(error)
    } finally {
      cancel()
    }
  }

  const held = new HeldClient('kafka', open, ({ admin }) => admin.close())

  async function check (signal: AbortSignal): Promise<void> {
    try {
      const { admin } = await untilAborted(held.get(), signal)
      await untilAborted(askCluster(admin), signal)
    } catch (error) {
      if (error instanceof EngineClosedError || error instanceof EngineUnavailableError) throw error
      throw signal.aborted ? unavailable(signal.reason, 'it did not answer in time') : unavailable(error)
    }
  }

  const close = (): Promise<void> => held.close()
  return { name: 'kafka', connect: () => held.get(), check, close, [Symbol.asyncDispose]: close }
}

const brokerRule = 'brokers as host:port'

function checkBroker (broker: string): void {
  const url = `kafka://${broker}`
  const { host = '', port = '' } = URL.canParse(url) ? new URL(url) : {}
  if (host !== broker || port === '') throw new SettingError('kafka.brokers', brokerRule, 'something else')
}

/** Asks who is in the cluster, over the wire every time. */
async function askCluster (admin: Admin): Promise<void> {
  await admin.metadata({ topics: [], forceUpdate: true })
}
