import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyPluginAsync,
  FastifyPluginCallback,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import { SettingError } from '../../kernel/index.ts'
import type { IdempotencyOptions } from '../../protect/idempotency/index.ts'
import type { CacheOptions, LimitsOptions, PipelineOptions } from '../pipeline/index.ts'
import type { ServiceCallers } from './callers.ts'
import { checkWork, type WorkDefinition } from './work/index.ts'

/** The Fastify app that a service adds its routes to; TypeBox schemas type its requests. */
export type ServiceApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** A service's own corner of a PostgreSQL database. */
export interface ServiceDatabase {
  /** The schema that the service owns; lower-case letters, digits and `_`. It is on the search path. */
  readonly schema: string
  /** Folder of `NNNN_name.sql` files, applied in order before the service is ready. */
  readonly migrations: URL
  /** An SQL file with data to begin with, run once after the migrations where seeding is on. */
  readonly seed?: URL
}

/** What a service is: one text that every role it can run in reads. */
export interface ServiceDefinition extends WorkDefinition {
  /** Names it in logs, traces and the API document; lower-case letters, digits and `-`. */
  readonly name: string
  /** @default '0.0.0' */
  readonly version?: string
  /** Gives the routes `app.data`. Without it the service needs no PostgreSQL. */
  readonly database?: ServiceDatabase
  /** Gives the routes `app.redis`. @default false */
  readonly redis?: boolean
  /** A module whose exported functions `app.compute` runs on threads. */
  readonly compute?: URL
  /** Who calls, and what they may. */
  readonly callers?: ServiceCallers
  /** Limits of routes that name none, and how all are told; where they are counted is the setting `rateLimits.store`. */
  readonly limits?: Omit<LimitsOptions, 'store'>
  /** Which CDNs stand in front, so which headers are written; where answers are kept is the setting `cache.store`. */
  readonly cache?: Omit<CacheOptions, 'shared' | 'memory' | 'namespace'>
  /** Which keys are taken, and what of an answer is kept; how long is the setting `idempotency.keep`. */
  readonly idempotency?: Pick<IdempotencyOptions, 'keepHeaders' | 'maxBodyBytes' | 'strict'>
  /** What routes say of their payloads when they say nothing, and the versions of the API; see docs/payloads.md. */
  readonly payload?: Omit<NonNullable<PipelineOptions['payload']>, 'asyncResponder'>
  /** Declares the routes. */
  readonly routes: (app: ServiceApp) => void | Promise<void>
  /** Runs before the first request is accepted: fill a cache, make the first slow call. */
  readonly warm?: (app: ServiceApp) => void | Promise<void>
}

/** A plain Fastify plugin, which is a service too. */
export type ServicePlugin = FastifyPluginAsync | FastifyPluginCallback

/** A checked definition, or a plain plugin under the name of its file. */
export interface Service extends Omit<ServiceDefinition, 'routes' | 'version'> {
  readonly version: string
  readonly routes: ServiceDefinition['routes'] | undefined
  readonly plugin: ServicePlugin | undefined
}

/** Marks a service over copies of this package, which an application's dependencies may bring. */
export const serviceMark: unique symbol = Symbol.for('plimsoll.service') as never

/** What `defineService` returns and a service module exports as its default. */
export type DefinedService = Service & { readonly [serviceMark]: true }

/**
 * Says what a service is. Export the result as a module's default, and `plimsoll serve` runs it.
 *
 * @throws SettingError when a part breaks its rule
 */
export function defineService (definition: ServiceDefinition): DefinedService {
  const { name, version = '0.0.0', database, routes } = definition
  if (!/^[a-z][a-z\d-]{0,62}$/.test(name)) {
    throw new SettingError(
      'service.name',
      'lower-case letters, digits and "-", beginning with a letter',
      name
    )
  }
  if (typeof routes !== 'function')
    throw new SettingError('service.routes', 'a function that takes the app', routes)
  if (database !== undefined) checkDatabase(database)
  checkWork(definition)
  for (const part of ['compute', 'warm'] as const) checkKind(part, definition[part])
  return { ...definition, version, plugin: undefined, [serviceMark]: true }
}

/** Takes a plain Fastify plugin as a service. */
export function serviceOfPlugin (name: string, plugin: ServicePlugin): Service {
  return { name, version: '0.0.0', routes: undefined, plugin }
}

function checkDatabase ({ schema, migrations, seed }: ServiceDatabase): void {
  if (!/^[a-z_][a-z\d_]{0,62}$/.test(schema)) {
    throw new SettingError(
      'service.database.schema',
      'lower-case letters, digits and "_", not a digit first',
      schema
    )
  }
  for (const [part, url] of Object.entries({ migrations, seed })) {
    if (url !== undefined && !(url instanceof URL && url.protocol === 'file:')) {
      throw new SettingError(
        `service.database.${part}`,
        "a file URL, as new URL('./x', import.meta.url) makes",
        url
      )
    }
  }
}

function checkKind (part: 'compute' | 'warm', value: unknown): void {
  const good = part === 'compute' ? value instanceof URL : typeof value === 'function'
  if (value === undefined || good) return
  throw new SettingError(
    `service.${part}`,
    part === 'compute' ? 'a file URL of a module' : 'a function',
    value
  )
}
