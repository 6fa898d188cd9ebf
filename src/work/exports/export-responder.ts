import Negotiator from 'negotiator'
import { exportTypes } from '../../data/index.ts'
import type { ExportDefinition } from './define-export.ts'
import type { ExportOwner } from './export-options.ts'
import type { Exports } from './exports.ts'
import type { ExportFormat } from './parts/index.ts'

/** What a route's request becomes when its client would rather not wait for the answer. */
export interface AsyncExport<Request = unknown> {
  readonly definition: ExportDefinition
  /** What is asked for; the request has passed all checks of its route. */
  inputOf(request: Request): unknown
  readonly fromRows: number
}

export interface ExportInsteadOptions {
  /**
   * A request that, by the planner's estimate, has fewer rows is answered at once, whatever its client prefers; 0:
   * none is.
   * @default 1,000
   */
  readonly fromRows?: number
}

/**
 * Says which export has what a route answers, for its setting:
 *
 * ```ts
 * app.get('/orders', {
 *   config: {
 *     export: exportInstead(
 *       orderHistory,
 *       ({ query }: FastifyRequest<{ Querystring: Year }>) => ({ year: query.year })
 *     ),
 *   },
 * }, listOrders)
 * ```
 */
export function exportInstead<Request, Input> (
  definition: ExportDefinition<Input>,
  inputOf: (request: Request) => Input,
  { fromRows = 1_000 }: ExportInsteadOptions = {}
): AsyncExport<Request> {
  return { definition: definition as ExportDefinition, inputOf, fromRows }
}

/** The parts of a request that decide what it becomes. */
export interface AsyncRequest {
  readonly headers: { readonly accept?: string | undefined }
}

export interface ExportResponderOptions<Request extends AsyncRequest> {
  readonly exports: Exports
  /** Who asks, as of `exportRoutes`. */
  readonly ownerOf: (request: Request) => ExportOwner | Promise<ExportOwner>
  /** Which export stands for a request; undefined for one that has none. */
  readonly exportOf: (request: Request) => AsyncExport<Request> | undefined
}

/** What is answered with 202. */
export interface AcceptedExport {
  readonly location: string
  readonly retryAfterSeconds?: number
  readonly body: unknown
}

/**
 * Turns requests into exports: what a heavy read becomes when its client says `Prefer: respond-async`.
 *
 * The route's handler is not run later in the request's place. For that, the request would have to be kept with its
 * credentials, be let in once more after they may have been withdrawn, and its whole answer be held in memory. An
 * export takes along who asked, and nothing that opens a door; it is of any size, and goes on after a crash.
 *
 * @returns `accept`, which answers undefined for requests that are to be answered at once
 */
export function exportResponder<Request extends AsyncRequest> (
  { exports, ownerOf, exportOf }: ExportResponderOptions<Request>
): { accept(request: Request, waitMs: number | undefined): Promise<AcceptedExport | undefined> } {
  return {
    async accept (request) {
      const instead = exportOf(request)
      if (instead === undefined) return undefined
      const { definition, fromRows } = instead
      const format = formatFor(request.headers.accept, definition.formats)
      if (format === undefined) return undefined
      const input = instead.inputOf(request)
      const owner = await ownerOf(request)
      if (fromRows > 0 && await exports.estimate(definition, input, owner) < fromRows) return undefined
      const { status, retryAfterSeconds } = await exports.request(definition, input, { ...owner, format })
      return {
        location: `${exports.path}/${status.id}`,
        body: status,
        ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      }
    },
  }
}

/** By `Accept`: a client that would take JSON takes lines of it. */
function formatFor (accept: string | undefined, formats: readonly ExportFormat[]): ExportFormat | undefined {
  const types = formats.map((format) => exportTypes[format].split(';')[0]!)
  const offered = formats.includes('ndjson') ? [...types, 'application/json'] : types
  const [first] = new Negotiator({ headers: { accept: accept ?? '*/*' } }).mediaTypes(offered)
  return first === 'application/json' ? 'ndjson' : formats[types.indexOf(first ?? '')]
}
