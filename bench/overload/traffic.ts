import type { ConnectionPolicy, JourneyTraffic } from '../../src/plan/load/index.ts'

/** A request that some of the clients send. */
export interface Asked {
  readonly path: string
  /** What it is counted under. @default its path */
  readonly name?: string
  /** Its share among the weights of all. @default 1 */
  readonly weight?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** Plain requests: an arrival sends one of them. */
export function trafficOf (asked: readonly Asked[]): JourneyTraffic {
  return {
    kind: 'journeys',
    journeys: asked.map(({ path, name = path, weight = 1, headers = {} }) => ({
      name,
      weight,
      steps: [{ request: { name, path, headers, expect: [200] } }],
    })),
  }
}

/** How the clients of a level connect. */
export const connectionModes = ['open', 'anew', 'fresh'] as const
export type ConnectionMode = (typeof connectionModes)[number]

export const modeText: Readonly<Record<ConnectionMode, string>> = {
  open: '1,000 connections open',
  anew: 'clients connect anew',
  fresh: 'a connection for each request',
}

/** So many may be open at a time: nobody is held back by the generator. */
const maximum = 15_000

export function connectionsOf (mode: ConnectionMode): ConnectionPolicy {
  // One address has 28,000 ports, and one that was closed in order is not free for a minute.
  const sources = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']
  if (mode === 'fresh') return { kind: 'fresh', sources }
  return { kind: 'keep-alive', open: mode === 'open' ? 1_000 : 0, maximum, sources }
}
