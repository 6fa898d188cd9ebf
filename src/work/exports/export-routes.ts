import type {
  FastifyContextConfig,
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
} from 'fastify'
import Negotiator from 'negotiator'
import { currentContext, waitMsFor } from '../../kernel/index.ts'
import { dispositionOf, type ExportFile } from './export-file.ts'
import type { ExportOwner } from './export-options.ts'
import { exportStatusSchema } from './export-status.ts'
import type { Exports, ExportView } from './exports.ts'
import { readRange } from './read-range.ts'

export interface ExportRoutesOptions {
  readonly exports: Exports
  /** Who asks. Only who asked for an export sees it; without a tenant and a user, everybody else without them does. */
  readonly ownerOf: (request: FastifyRequest) => ExportOwner | Promise<ExportOwner>
  /**
   * Whether files that are one in a store which can sign addresses are fetched there: the client is sent to an
   * address that works for 5 minutes, for whoever has it.
   * @default false: all bytes go through this service
   */
  readonly links?: boolean
  /** The longest wait for a change, in milliseconds. @default 30,000 */
  readonly longestWaitMs?: number
  /** Put on the routes' `config`: `status` on status and deletion, `file` on the download, which takes its time. */
  readonly config?: { readonly status?: FastifyContextConfig; readonly file?: FastifyContextConfig }
}

interface ExportParams {
  readonly id: string
}

const linkMs = 5 * 60_000

/**
 * The routes of exports, as a Fastify plugin:
 *
 * - `GET /exports/:id` tells how an export stands. With `Prefer: wait=20` it waits until the export is over, or, with
 *   `If-None-Match`, until it has changed, but no longer than that.
 * - `DELETE /exports/:id` cancels it, or deletes its file.
 * - `GET /exports/:id/file` is the file, in one stream.
 */
export function exportRoutes (options: ExportRoutesOptions): FastifyPluginAsync {
  const { exports, ownerOf, links = false, longestWaitMs = 30_000, config = {} } = options
  const { path } = exports

  async function sendStatus (
    request: FastifyRequest<{ Params: ExportParams }>,
    reply: FastifyReply
  ): Promise<unknown> {
    const { id } = request.params
    const owner = await ownerOf(request)
    const known = knownVersion(request.headers['if-none-match'])
    const context = currentContext()
    const ms = waitMsFor(request.headers['prefer']?.toString(), context?.deadline, longestWaitMs)
    const signal = context === undefined ? {} : { signal: context.signal }
    const view = ms > 0 ?
      await exports.waitFor(id, owner, { version: known, ms, ...signal }) :
      await exports.status(id, owner)
    if (ms > 0) void reply.header('preference-applied', `wait=${Math.ceil(ms / 1_000)}`)
    const etag = label(reply, view)
    return request.headers['if-none-match'] === etag ? reply.code(304).send() : view.status
  }

  async function sendFile (
    request: FastifyRequest<{ Params: ExportParams }>,
    reply: FastifyReply
  ): Promise<unknown> {
    const file = await exports.file(request.params.id, await ownerOf(request))
    const coding = chooseCoding(file, request.headers['accept-encoding'])
    void reply.type(file.type).header('content-disposition', dispositionOf(file.name))
      .header('cache-control', 'private, no-transform').header('vary', 'accept-encoding')
      .header('x-content-type-options', 'nosniff')
    if (!coding.asKept) {
      return reply.header('etag', `"${file.etag.slice(1, -1)}-plain"`).send(file.readPlain())
    }
    const link = links ? await file.link(linkMs) : undefined
    if (link !== undefined) return reply.header('cache-control', 'no-store').redirect(link, 302)
    if (file.coding !== 'identity') void reply.header('content-encoding', file.coding)
    void reply.header('etag', file.etag).header('accept-ranges', 'bytes')
    if (request.headers['if-none-match'] === file.etag) return reply.code(304).send()
    return sendBytes(file, request, reply)
  }

  return async function routes (app: FastifyInstance): Promise<void> {
    const params = { type: 'object', properties: { id: { type: 'string', maxLength: 64 } }, required: ['id'] }
    const response = { 200: exportStatusSchema }
    const tags = ['export']
    const own = config.status === undefined ? {} : { config: config.status }
    app.get<{ Params: ExportParams }>(`${path}/:id`, {
      ...own,
      schema: { tags, summary: 'How an export stands', params, response },
    }, sendStatus)
    app.delete<{ Params: ExportParams }>(`${path}/:id`, {
      ...own,
      schema: { tags, summary: 'Cancels an export, or deletes its file', params, response },
    }, async (request, reply) => {
      const view = await exports.cancel(request.params.id, await ownerOf(request))
      label(reply, view)
      return view.status
    })
    // Fastify's own HEAD would read the whole file to send nothing of it.
    app.get<{ Params: ExportParams }>(`${path}/:id/file`, {
      ...(config.file && { config: config.file }),
      schema: { tags, summary: 'The file of an export', params },
      exposeHeadRoute: false,
    }, sendFile)
  }
}

function label (reply: FastifyReply, { status, version, retryAfterSeconds }: ExportView): string {
  // Of the state as well: an export expires without a change.
  const etag = `W/"${version}-${status.state}"`
  void reply.header('etag', etag).header('cache-control', 'private, no-cache')
  if (retryAfterSeconds !== undefined) void reply.header('retry-after', retryAfterSeconds)
  return etag
}

function knownVersion (etag: string | undefined): number | undefined {
  const [, version] = /^W\/"(\d{1,9})-[a-z]+"$/.exec(etag ?? '') ?? []
  return version === undefined ? undefined : Number(version)
}

/** A client that does not read the file's coding gets the file without. */
function chooseCoding (
  { coding }: ExportFile,
  acceptEncoding: string | string[] | undefined
): { readonly asKept: boolean } {
  if (coding === 'identity') return { asKept: true }
  if (acceptEncoding === undefined) return { asKept: false }
  const negotiator = new Negotiator({ headers: { 'accept-encoding': String(acceptEncoding) } })
  // Whoever reads the coding gets it, whatever else they read: unpacking the file here helps nobody.
  return { asKept: negotiator.encodings([coding]).includes(coding) }
}

function sendBytes (file: ExportFile, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { range, 'if-range': ifRange } = request.headers
  const asked = ifRange === undefined || ifRange === file.etag ? readRange(range, file.bytes) : undefined
  if (asked === 'none') {
    void reply.removeHeader('content-encoding').removeHeader('content-disposition')
    return reply.code(416).header('content-range', `bytes */${file.bytes}`).send()
  }
  if (asked === undefined) return reply.header('content-length', file.bytes).send(file.read())
  const { start, end } = asked
  return reply.code(206).header('content-length', end - start + 1)
    .header('content-range', `bytes ${start}-${end}/${file.bytes}`).send(file.read(asked))
}
