export { natsPublisher, type NatsPublisherOptions } from './nats-publisher.ts'
export type { NatsStreamOptions } from './nats-stream.ts'
