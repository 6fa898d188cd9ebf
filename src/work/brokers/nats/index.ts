export { natsPublisher, type NatsPublisherOptions } from './nats-publisher.ts'
export { natsSource, type NatsSourceOptions } from './nats-source.ts'
export type { NatsStreamOptions } from './nats-stream.ts'
