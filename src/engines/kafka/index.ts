export { type KafkaClient, kafkaEngine, type KafkaEngineOptions } from './kafka-engine.ts'
export { type Kafka } from './load-kafka.ts'
