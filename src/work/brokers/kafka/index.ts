export { kafkaPublisher, type KafkaPublisherOptions } from './kafka-publisher.ts'
export { kafkaSource, type KafkaSourceOptions } from './kafka-source.ts'
export type { KafkaTopic } from './kafka-topics.ts'
