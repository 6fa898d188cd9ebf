export { type NatsConnectionWatch, watchNatsConnection } from './connection-watch.ts'
export { loadNatsJetstream, loadNatsTransport, type NatsJetstream, type NatsTransport } from './load-nats.ts'
export { natsEngine, type NatsEngineOptions } from './nats-engine.ts'
