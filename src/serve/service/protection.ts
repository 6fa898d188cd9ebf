import type { Transaction } from '../../data/index.ts'
import { Admission } from '../../protect/admission/index.ts'
import type { Idempotency } from '../../protect/idempotency/index.ts'
import {
  type LimitStore,
  localStore,
  redisStore,
  type SharedStoreOptions,
  type StoreOutage,
} from '../../protect/limit/index.ts'
import type { PipelineOptions } from '../pipeline/index.ts'
import type { ServiceEnvironment } from './environment.ts'
import { type Engines, type RedisOf, redisOf } from './open-engines.ts'
import type { Service } from './service.ts'
import { sharedAnswers } from './shared-answers.ts'
import { callersOf } from './shared-nonces.ts'

/** Who calls, and what holds the service at its load line, as it and its settings say. */
export async function protection (
  service: Service,
  environment: ServiceEnvironment,
  engines: Engines
): Promise<PipelineOptions> {
  const { settings: { deadline, trustProxy } } = environment
  const redis = redisOf(engines, environment)
  return {
    ...await callersOf(service, environment, redis),
    trusted: trustProxy,
    deadline,
    admission: admissionOf(environment),
    ...await idempotency(service, environment, engines),
    ...(engines.reads === undefined || environment.settings.database.replicas.length === 0 ?
      {} :
      { reads: engines.reads }),
    limits: { ...service.limits, store: await limitStore(service, environment, redis) },
    cache: { ...service.cache, ...await sharedAnswers(service, environment, redis) },
  }
}

function admissionOf (
  { settings, telemetry: { registry }, listener }: ServiceEnvironment
): Admission | false {
  if (!settings.admission.enabled) return false
  const admission = new Admission({ registry })
  listener?.onAccept(() => admission.connected())
  return admission
}

/** Keys are kept where the effects are: in the database, else in Redis; a service with neither cannot keep any. */
async function idempotency (
  { name, database, idempotency: options }: Service,
  { settings, telemetry: { registry }, lifecycle, compilesOnly = false }: ServiceEnvironment,
  { data, redis }: Engines
): Promise<Pick<PipelineOptions, 'idempotency'>> {
  if (data === undefined && redis === undefined && !compilesOnly) return {}
  // Loaded by services that can keep keys, so that the others start without it.
  const { Idempotency, memoryIdempotencyStore, postgresIdempotencyStore, redisIdempotencyStore } =
    await import(
      '../../protect/idempotency/index.ts'
    )
  const store = data !== undefined ?
    postgresIdempotencyStore({ pool: data, schema: database?.schema }) :
    redis === undefined ?
    memoryIdempotencyStore() :
    redisIdempotencyStore({ redis, prefix: `plimsoll:idempotency:${name}:` })
  const keys = new Idempotency({ ...options, ...settings.idempotency, store, registry })
  await lifecycle.start({ name: 'idempotency', close: () => keys.close() })
  return { idempotency: keys as Idempotency<Transaction> }
}

/** What makes the store, should a route have limits. */
async function limitStore (
  { name, redis: declared }: Service,
  { settings: { rateLimits }, telemetry: { registry, logger }, lifecycle, local }: ServiceEnvironment,
  redisOf: RedisOf
): Promise<(() => LimitStore) | undefined> {
  const kind = rateLimits.store === 'auto' ? declared === true ? 'redis' : 'local' : rateLimits.store
  if (kind === 'memory') return undefined
  const options: SharedStoreOptions = {
    registry,
    onOutage (outage: StoreOutage) {
      if (outage.state === 'gone')
        logger.warn({ err: outage.error }, 'the store of limits is gone: each worker keeps its share')
      else logger.info({ downMs: outage.downMs }, 'the store of limits is back')
    },
  }
  const redis = kind === 'redis' ?
    await redisOf('since rateLimits.store is redis') :
    undefined
  return function openStore () {
    const store = redis === undefined ?
      localStore({ ...options, client: local, prefix: `limit:${name}` }) :
      redisStore({ ...options, redis, prefix: `plimsoll:limit:${name}` })
    void lifecycle.start({ name: 'limits', close: () => store.close() })
    return store
  }
}
