export {
  embeddedPostgres,
  type EmbeddedPostgresOptions,
  type EmbeddedServer,
  EmbeddedUnavailableError,
} from './embedded/index.ts'
export { type Engine } from './engine.ts'
export { EngineClosedError, EngineMissingError, EngineUnavailableError } from './errors.ts'
export { type Kafka, type KafkaClient, kafkaEngine, type KafkaEngineOptions } from './kafka/index.ts'
export {
  ipcChannel,
  type IpcPeer,
  type LocalChannel,
  type LocalClient,
  localEngine,
  type LocalEngineOptions,
  type LocalServer,
  type LocalServerOptions,
  type LocalValue,
  LocalValueError,
  serveLocalEngine,
  type SetOptions,
} from './local/index.ts'
export {
  loadNatsJetstream,
  loadNatsTransport,
  type NatsConnectionWatch,
  natsEngine,
  type NatsEngineOptions,
  type NatsJetstream,
  type NatsTransport,
  watchNatsConnection,
} from './nats/index.ts'
export { postgresEngine, type PostgresEngineOptions, quoteIdentifier } from './postgres/index.ts'
export { rabbitmqEngine, type RabbitmqEngineOptions } from './rabbitmq/index.ts'
export { redisEngine, type RedisEngineOptions } from './redis/index.ts'
