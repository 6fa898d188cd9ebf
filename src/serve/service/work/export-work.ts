import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AsyncResponder } from '../../../answer/payload/index.ts'
import type { AsyncExport, ExportOwner, Exports } from '../../../work/exports/index.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * With `payload: { respondAsync: true }`: the export that a request becomes when its client prefers not to wait; see
     * `exportInstead`.
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
  return exportResponder<FastifyRequest>({
    exports,
    ownerOf: ownerBy(service),
    exportOf: (request) => request.routeOptions.config.export,
  })
}
