import type { GovernedPool } from '../../../data/index.ts'
import type { Consumer, Consumers } from '../../../work/consumers/index.ts'
import type { Leases } from '../../../work/lease/index.ts'
import type { Outbox } from '../../../work/outbox/index.ts'
import type { Projection, Projections } from '../../../work/projections/index.ts'
import type { ServiceEnvironment } from '../environment.ts'
import { type Broker, type BrokerPlaces, openBroker } from './open-broker.ts'
import { named, type WorkPart } from './work-part.ts'

export interface EventsSource {
  readonly schema: string | undefined
  readonly consumers: readonly Consumer[]
  readonly projections: readonly Projection[]
  readonly broker: BrokerPlaces
}

export interface OpenEvents {
  readonly outbox: Outbox
  readonly consumers: Consumers | undefined
  readonly projections: Projections | undefined
  readonly parts: readonly WorkPart[]
}

/** What consumers give as their `source` when it is the log. */
const logName = 'log'
/** Of a shard: its events stand still for so long when its process is lost, in milliseconds. */
const longestLeaseMs = 10_000

/**
 * Opens the outbox, what relays it to the broker of the settings, and the service's consumers and projections.
 * Closed by the environment's lifecycle.
 *
 * @throws SettingError; what PostgreSQL throws
 */
export async function openEvents (
  { schema, consumers, projections, broker: places }: EventsSource,
  environment: ServiceEnvironment,
  pool: GovernedPool
): Promise<OpenEvents> {
  const { settings, telemetry: { registry, logger }, lifecycle, health, onProgress } = environment
  onProgress('opening the outbox')
  const { openOutbox, openRelay } = await import('../../../work/outbox/index.ts')
  const { openLeases } = await import('../../../work/lease/index.ts')
  const { isDeclared } = await import('../../../work/events-desk/index.ts')
  const common = { pool, schema }
  const leases = await openLeases({
    ...common,
    leaseMs: Math.min(settings.work.lease, longestLeaseMs),
    onError: (error) => logger.warn({ err: error }, 'leases could not be renewed just now'),
  })
  await lifecycle.start({ name: 'leases', close: () => leases.close() })
  const { keep, forsakeAfter } = settings.events
  const relays: string[] = []
  const declared = {
    relays,
    consumers: consumers.filter(({ source }) => source === logName).map(({ name }) => name),
    projections: projections.map(({ name }) => name),
  }
  const outbox = await openOutbox({
    ...common,
    background: pool.reserve('relay'),
    keep,
    ...(forsakeAfter === 0 ? {} : { forsakeAfter }),
    isDeclared: (checkpoint) => isDeclared(checkpoint, declared),
    registry,
    logger,
  })
  await lifecycle.start({ name: 'outbox', close: () => outbox.close() })
  health.addCheck({ name: 'outbox', required: false, run: () => outbox.check() })
  const parts: WorkPart[] = [{ name: 'outbox', start: () => outbox.start(), drain: async () => {} }]

  const { urls } = settings.broker
  const broker = urls.length === 0 ? undefined : await openBroker(urls, places, leases, environment)
  if (broker !== undefined) {
    const relay = openRelay({ outbox, publisher: broker.publisher, leases, registry, logger })
    relays.push(relay.name)
    await lifecycle.start({ name: 'relay', close: () => relay.close() })
    health.addCheck({ name: 'relay', required: false, run: () => relay.check() })
    parts.push(named('relay', relay))
  }
  const opened = { environment, pool, schema, outbox, leases, parts }
  return {
    outbox,
    consumers: consumers.length === 0 ? undefined : await openConsumersOf(consumers, broker, opened),
    projections: projections.length === 0 ? undefined : await openProjectionsOf(projections, opened),
    parts,
  }
}

interface Opened {
  readonly environment: ServiceEnvironment
  readonly pool: GovernedPool
  readonly schema: string | undefined
  readonly outbox: Outbox
  readonly leases: Leases
  /** Takes what is to be started. */
  readonly parts: WorkPart[]
}

async function openConsumersOf (
  consumers: readonly Consumer[],
  broker: Broker | undefined,
  { environment: { telemetry, lifecycle }, pool, schema, outbox, leases, parts }: Opened
): Promise<Consumers> {
  const { logSource, openConsumers } = await import('../../../work/consumers/index.ts')
  const { registry, logger, tracer } = telemetry
  const log = logSource({
    log: outbox,
    pool,
    leases,
    schema,
    onError: (error) => logger.warn({ err: error }, 'the log could not be read just now'),
  })
  const source = consumers.some((consumer) => consumer.source !== log.name) ? broker?.source() : undefined
  const opened = await openConsumers({
    pool,
    schema,
    consumers,
    sources: { log, ...(source === undefined ? {} : { [source.name]: source }) },
    registry,
    logger,
    tracer,
  })
  await lifecycle.start({ name: 'consumers', close: () => opened.close() })
  parts.push(named('consumers', opened.worker()))
  return opened
}

async function openProjectionsOf (
  projections: readonly Projection[],
  { environment: { telemetry, lifecycle, health }, pool, schema, outbox, leases, parts }: Opened
): Promise<Projections> {
  const { openProjections } = await import('../../../work/projections/index.ts')
  const { registry, logger } = telemetry
  const opened = await openProjections({ pool, schema, projections, log: outbox, leases, registry, logger })
  await lifecycle.start({ name: 'projections', close: () => opened.close() })
  health.addCheck({ name: 'projections', required: false, run: () => opened.check() })
  parts.push(named('projections', opened.worker()))
  return opened
}
