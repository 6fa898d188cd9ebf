export { type Consumers, type ConsumersOptions, type ConsumersWorker, openConsumers } from './consumers.ts'
export {
  type BatchConsumerOptions,
  type Consumer,
  type ConsumerOptions,
  defineConsumer,
  type Handling,
} from './define-consumer.ts'
export { ReplayUnsupportedError } from './errors.ts'
export { EventBatch, type ReceivedEvent } from './event-batch.ts'
export type { Backlog, Delivery, EventSource, EventStream, Rewind, Subscription } from './event-source.ts'
export { type HeldEvent, HeldEvents, type HeldKey, type HeldQuery } from './held-events.ts'
export { logSource, type LogSourceOptions } from './log-source.ts'
