import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import type { MsgHdrs, NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node'
import { loadPackage } from '../load-package.ts'

/** What is used of the package `@nats-io/transport-node`. */
export interface NatsTransport {
  readonly connect: (options: NodeConnectionOptions) => Promise<NatsConnection>
  readonly headers: () => MsgHdrs
  readonly nanos: (ms: number) => number
}

/** What is used of the package `@nats-io/jetstream`. */
export interface NatsJetstream {
  readonly jetstream: (connection: NatsConnection, options?: { timeout?: number }) => JetStreamClient
  readonly jetstreamManager: (
    connection: NatsConnection,
    options?: { timeout?: number; checkAPI?: boolean }
  ) => Promise<JetStreamManager>
}

/** @throws EngineMissingError when the package is not installed */
export function loadNatsTransport (
  load: () => Promise<NatsTransport> = () => import('@nats-io/transport-node')
): Promise<NatsTransport> {
  return loadPackage('nats', '@nats-io/transport-node', load)
}

/**
 * The part of the client that speaks JetStream, the durable side of NATS.
 *
 * @throws EngineMissingError when the package is not installed
 */
export function loadNatsJetstream (
  load: () => Promise<NatsJetstream> = () => import('@nats-io/jetstream')
): Promise<NatsJetstream> {
  return loadPackage('nats', '@nats-io/jetstream', load)
}
