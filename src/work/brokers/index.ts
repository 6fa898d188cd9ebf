export { BrokerPartClosedError, PublishRefusedError, UnconfirmedError } from './errors.ts'
export {
  kafkaPublisher,
  type KafkaPublisherOptions,
  kafkaSource,
  type KafkaSourceOptions,
  type KafkaTopic,
} from './kafka/index.ts'
export {
  natsPublisher,
  type NatsPublisherOptions,
  natsSource,
  type NatsSourceOptions,
  type NatsStreamOptions,
} from './nats/index.ts'
export { rabbitmqPublisher, type RabbitmqPublisherOptions } from './rabbitmq/index.ts'
export type { RabbitmqExchangeOptions } from './rabbitmq/index.ts'
export { rabbitmqSource, type RabbitmqSourceOptions } from './rabbitmq/index.ts'
export type { BrokerSourceOptions } from './source-options.ts'
