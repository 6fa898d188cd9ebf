export type { RabbitmqExchangeOptions } from './rabbitmq-exchange.ts'
export { rabbitmqPublisher, type RabbitmqPublisherOptions } from './rabbitmq-publisher.ts'
export { rabbitmqSource, type RabbitmqSourceOptions } from './rabbitmq-source.ts'
