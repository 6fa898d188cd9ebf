import type { FastifyContextConfig, FastifyInstance, FastifyRequest } from 'fastify'
import type { AsyncResponder } from '../../../answer/payload/index.ts'
import { SettingError } from '../../../kernel/index.ts'
import type { AsyncExport, ExportOwner, Exports } from '../../../work/exports/index.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * The export that a request becomes when its client says `Prefer: respond-async`; see `exportInstead`. With
     * `respondAsync: false` it does not.
     */
    export?: AsyncExport<FastifyRequest>
  }
}

interface Callers {
  readonly callers?: { readonly userOf?: ((request: FastifyRequest) => string | undefined) | undefined }
}

/** Whose export it is that a request asks for, or about. */
function ownerBy ({ callers }: Callers): (request: FastifyRequest) => ExportOwner {
  return (request) => ({ tenant: request.context.tenant, user: callers?.userOf?.(request) })
}

/** Serves how exports stand, and their files. */
export async function serveExports (app: FastifyInstance, exports: Exports, service: Callers): Promise<void> {
  const { exportRoutes } = await import('../../../work/exports/index.ts')
  await app.register(exportRoutes({
    exports,
    ownerOf: ownerBy(service),
    config: {
      status: { stream: true, criticality: 'sheddable' },
      file: { stream: true, criticality: 'sheddable' },
    },
  }))
}

/** Hands requests over to exports: for the option `asyncResponder` of the request path. */
export async function respondByExports (exports: Exports, service: Callers): Promise<AsyncResponder> {
  const { exportResponder } = await import('../../../work/exports/index.ts')
  return {
    takes: (settings: FastifyContextConfig) => settings.export === undefined ? undefined : true,
    ...exportResponder<FastifyRequest>({
      exports,
      ownerOf: ownerBy(service),
      exportOf: (request) => request.routeOptions.config.export,
    }),
  }
}

/** For a service that lists no exports: a route that names one would be answered at once, whatever its client prefers. */
export function refuseExports (app: FastifyInstance): void {
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.export !== undefined) {
      const setting = `${String(method)} ${url} config.export`
      throw new SettingError(
        setting,
        'used in a service that lists the export in `exports`',
        config.export.definition.name
      )
    }
  })
}
