import { kafkaEngine, natsEngine, rabbitmqEngine } from '../../../engines/index.ts'
import { SettingError } from '../../../kernel/index.ts'
import type { KafkaTopic, NatsStreamOptions, RabbitmqExchangeOptions } from '../../../work/brokers/index.ts'
import type { EventSource } from '../../../work/consumers/index.ts'
import type { Leases } from '../../../work/lease/index.ts'
import type { Publisher } from '../../../work/outbox/index.ts'
import type { ServiceEnvironment } from '../environment.ts'

/** Where a broker keeps the service's events, for other than the defaults: stream, exchange or topic `events`. */
export interface BrokerPlaces {
  readonly nats?: NatsStreamOptions
  readonly rabbitmq?: RabbitmqExchangeOptions
  /** `topics` are those that are read, where `topic` is a function. */
  readonly kafka?: { readonly topic?: KafkaTopic; readonly topics?: readonly string[] }
}

/** The broker of a service, both ways. */
export interface Broker {
  readonly publisher: Publisher
  /**
   * For a service with consumers that read it; one that only publishes need not say where events are read.
   *
   * @throws SettingError for places that cannot be read
   */
  readonly source: () => EventSource
}

/**
 * The broker that the URLs lead to, by their scheme. It is connected when it is first used, so that a broker that is down
 * stops no boot: events wait in the outbox. Closed by the environment's lifecycle.
 *
 * @throws SettingError for URLs of several kinds
 */
export async function openBroker (
  urls: readonly string[],
  places: BrokerPlaces,
  leases: Leases,
  { settings, telemetry: { logger }, lifecycle, health }: ServiceEnvironment
): Promise<Broker> {
  const kinds = new Set(urls.map(kindOf))
  const [kind] = kinds
  if (kinds.size !== 1)
    throw new SettingError('broker.urls', 'of one kind of broker', [...kinds].join(' and '))
  const { kafkaPublisher, kafkaSource, natsPublisher, natsSource, rabbitmqPublisher, rabbitmqSource } =
    await import(
      '../../../work/brokers/index.ts'
    )
  const onError = (error: unknown): void =>
    logger.warn({ err: error }, `the stream from ${kind} broke; it is opened anew`)
  const onConnectionError = (error: Error): void =>
    logger.warn({ err: error }, `the connection to ${kind} broke`)

  function made ():
    & { engine: { check(signal: AbortSignal): Promise<unknown>; close(): Promise<void> } }
    & Broker
  {
    if (kind === 'nats') {
      const engine = natsEngine({ url: urls, onConnectionError })
      const options = { ...places.nats, engine }
      return {
        engine,
        publisher: natsPublisher(options),
        source: () => natsSource({ ...options, leases, ackWait: settings.work.lease, onError }),
      }
    }
    if (kind === 'rabbitmq') {
      const engine = rabbitmqEngine({ url: urls, onConnectionError })
      const options = { ...places.rabbitmq, engine }
      return {
        engine,
        publisher: rabbitmqPublisher(options),
        source: () => rabbitmqSource({ ...options, onError }),
      }
    }
    const engine = kafkaEngine(kafkaTarget(urls))
    const options = { ...places.kafka, engine }
    return { engine, publisher: kafkaPublisher(options), source: () => kafkaSource({ ...options, onError }) }
  }
  const { engine, publisher, source } = made()
  await lifecycle.start({ name: kind ?? 'broker', close: () => engine.close() })
  await lifecycle.start({ name: `${kind} publisher`, close: () => publisher.close() })
  // Events wait while it is away: readiness does not stand on it.
  health.addCheck({
    name: kind ?? 'broker',
    required: false,
    run: async (signal) => void await engine.check(signal),
  })
  return { publisher, source }
}

type BrokerKind = 'nats' | 'rabbitmq' | 'kafka'

function kindOf (url: string): BrokerKind {
  const { protocol = '' } = URL.parse(url) ?? {}
  if (protocol === 'nats:' || protocol === 'tls:') return 'nats'
  return protocol === 'kafka:' ? 'kafka' : 'rabbitmq'
}

function kafkaTarget (urls: readonly string[]): Parameters<typeof kafkaEngine>[0] {
  const parsed = urls.map((url) => new URL(url))
  const { username, password } = parsed[0]!
  const credentials = { username: decodeURIComponent(username), password: decodeURIComponent(password) }
  return {
    brokers: parsed.map(({ host }) => host),
    ...(username === '' ? {} : { sasl: { mechanism: 'SCRAM-SHA-512', ...credentials } }),
  }
}
