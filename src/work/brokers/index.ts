export { BrokerPartClosedError, PublishRefusedError, UnconfirmedError } from './errors.ts'
export { natsPublisher, type NatsPublisherOptions, type NatsStreamOptions } from './nats/index.ts'
export { rabbitmqPublisher, type RabbitmqPublisherOptions } from './rabbitmq/index.ts'
export type { RabbitmqExchangeOptions } from './rabbitmq/index.ts'
