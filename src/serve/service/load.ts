import { basename, extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type DefinedService,
  type Service,
  serviceMark,
  serviceOfPlugin,
  type ServicePlugin,
} from './service.ts'

/** Why a service module could not be taken. */
export type ServiceLoadCode = 'SERVICE_NOT_FOUND' | 'SERVICE_THREW' | 'SERVICE_INVALID' | 'SERVICE_FAILED'

/** The module to serve is missing, throws, or exports no service. */
export class ServiceLoadError extends Error {
  override readonly name = 'ServiceLoadError'
  /** Stable over releases: match on this, not on the message. */
  readonly code: ServiceLoadCode
  /** The module's path. */
  readonly module: string

  constructor (code: ServiceLoadCode, module: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.module = module
  }
}

/**
 * Loads the service that a module exports as its default: what `defineService` returned, or a plain
 * Fastify plugin.
 *
 * @throws ServiceLoadError
 */
export async function loadService (moduleUrl: URL): Promise<Service> {
  const path = fileURLToPath(moduleUrl)
  const exported = await importModule(moduleUrl, path)
  const service = (exported as { default?: unknown }).default
  if (isDefinedService(service)) return service
  if (typeof service === 'function') return serviceOfPlugin(nameOf(path), service as ServicePlugin)
  throw new ServiceLoadError(
    'SERVICE_INVALID',
    path,
    `${path} must export a service as its default: defineService({ ... }) or a Fastify plugin; ` +
      `it exports ${service === undefined ? 'no default' : typeof service}`
  )
}

async function importModule (moduleUrl: URL, path: string): Promise<unknown> {
  try {
    return await import(moduleUrl.href)
  } catch (error) {
    if (isMissing(error, moduleUrl)) {
      throw new ServiceLoadError('SERVICE_NOT_FOUND', path, `there is no module ${path}`, error)
    }
    const message = `${path} threw while loading: ${describe(error)}${adviceOn(error)}`
    throw new ServiceLoadError('SERVICE_THREW', path, message, error)
  }
}

/** `npm init` declares CommonJS, in which a service's imports are a syntax error. */
function adviceOn (error: unknown): string {
  const isCommonJs = error instanceof SyntaxError &&
    /outside a module|Unexpected token 'export'/.test(error.message)
  return isCommonJs ?
    '; set "type": "module" in its package.json (npm pkg set type=module), or name it .mts or .mjs' :
    ''
}

/** Only the module itself: a missing import of the module's own is an error in it. */
function isMissing (error: unknown, moduleUrl: URL): boolean {
  const { code, url } = error as { code?: unknown; url?: unknown }
  return code === 'ERR_MODULE_NOT_FOUND' && url === moduleUrl.href
}

/** The message, and where it was thrown: the first line of the stack that is a file's, of the service's own if any is. */
export function describe (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const places = [...(error.stack ?? '').matchAll(/file:\/\/[^\s)]+:\d+:\d+/g)].map(([place]) => place)
  const place = places.find((each) => !each.includes('/node_modules/')) ?? places[0]
  return `${error.message}${place === undefined ? '' : ` (at ${place.replace('file://', '')})`}`
}

function isDefinedService (value: unknown): value is DefinedService {
  return typeof value === 'object' && value !== null && serviceMark in value
}

/** `orders.ts` is served as `orders`. */
function nameOf (path: string): string {
  return basename(path, extname(path)).toLowerCase().replaceAll(/[^a-z\d]+/g, '-').replace(/^[^a-z]+/, '') ||
    'app'
}
