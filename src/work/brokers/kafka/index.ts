export { kafkaPublisher, type KafkaPublisherOptions } from './kafka-publisher.ts'
export type { KafkaTopic } from './kafka-topics.ts'
