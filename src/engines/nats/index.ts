export { loadNatsJetstream, type NatsJetstream } from './load-nats.ts'
export { natsEngine, type NatsEngineOptions } from './nats-engine.ts'
