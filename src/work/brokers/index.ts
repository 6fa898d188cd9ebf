export { BrokerPartClosedError, PublishRefusedError, UnconfirmedError } from './errors.ts'
export { natsPublisher, type NatsPublisherOptions, type NatsStreamOptions } from './nats/index.ts'
