import type {
  FastifyContextConfig,
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
} from 'fastify'
import Negotiator from 'negotiator'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { currentContext, type Duration, parseDuration, Problem, waitMsFor } from '../../kernel/index.ts'
import { dispositionOf, type ExportFile } from './export-file.ts'
import type { ExportOwner } from './export-options.ts'
import { exportStatusSchema } from './export-status.ts'
import type { Exports, ExportView } from './exports.ts'
import { exportProblems } from './problems.ts'
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
  /** The longest wait for a change, whatever the client would wait. @default '30s' */
  readonly longestWait?: Duration
  /** Put on the routes' `config`: `status` on status and deletion, `file` on the download, which takes its time. */
  readonly config?: { readonly status?: FastifyContextConfig; readonly file?: FastifyContextConfig }
}

interface ExportParams {
  readonly id: string
}

const linkMs = 5 * 60_000
const storeAgainSeconds = 5

/**
 * The routes of exports, as a Fastify plugin:
 *
 * - `GET /exports/:id` tells how an export stands. With `Prefer: wait=20` it waits until the export is over, or, with
 *   `If-None-Match`, until it has changed, but no longer than that.
 * - `DELETE /exports/:id` cancels it, or deletes its file.
 * - `GET /exports/:id/file` is the file, in one stream.
 */
export function exportRoutes (options: ExportRoutesOptions): FastifyPluginAsync {
  const { exports, ownerOf, links = false, longestWait = '30s', config = {} } = options
  const longestWaitMs = parseDuration(longestWait, 'exportRoutes.longestWait')
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
      await exports.waitFor(id, owner, { since: known, timeout: ms, ...signal }) :
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
    if (!readsCoding(request, file)) {
      const plain = await begun(file.readPlain(currentContext()?.signal))
      return describePlain(reply, file).send(plain)
    }
    const link = links ? await file.link(linkMs) : undefined
    if (link !== undefined)
      return describe(reply, file).header('cache-control', 'no-store').redirect(link, 302)
    if (request.headers['if-none-match'] === file.etag) return describeKept(reply, file).code(304).send()
    return sendBytes(file, request, reply)
  }

  /** Of the file unpacked the length is not known before it is. */
  async function sendHead (
    request: FastifyRequest<{ Params: ExportParams }>,
    reply: FastifyReply
  ): Promise<FastifyReply> {
    const file = await exports.file(request.params.id, await ownerOf(request))
    if (!readsCoding(request, file)) return describePlain(reply, file).send()
    return describeKept(reply, file).header('content-length', file.bytes).send()
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
    app.head<{ Params: ExportParams }>(`${path}/:id/file`, {
      ...(config.file && { config: config.file }),
      schema: { tags, summary: 'What the file of an export is', params, hide: true } as object,
    }, sendHead)
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
function readsCoding ({ headers }: FastifyRequest, { coding }: ExportFile): boolean {
  const { 'accept-encoding': accepted } = headers
  if (coding === 'identity') return true
  if (accepted === undefined) return false
  // Whoever reads the coding gets it, whatever else they read: unpacking the file here helps nobody.
  return new Negotiator({ headers: { 'accept-encoding': String(accepted) } }).encodings([coding]).includes(
    coding
  )
}

async function sendBytes (
  file: ExportFile,
  { headers: { range, 'if-range': ifRange } }: FastifyRequest,
  reply: FastifyReply
): Promise<FastifyReply> {
  const asked = ifRange === undefined || ifRange === file.etag ? readRange(range, file.bytes) : undefined
  if (asked === 'none')
    return describeKept(reply, file).removeHeader('content-encoding').removeHeader('content-disposition')
      .code(416).header('content-range', `bytes */${file.bytes}`).send()
  const bytes = await begun(file.read(asked, currentContext()?.signal))
  const { start, end } = asked ?? { start: 0, end: file.bytes - 1 }
  if (asked !== undefined) void reply.code(206).header('content-range', `bytes ${start}-${end}/${file.bytes}`)
  return describeKept(reply, file).header('content-length', end - start + 1).send(bytes)
}

/**
 * A stream whose first bytes are there: a store that gives none is answered as such, and not by breaking off an answer
 * that has begun.
 */
async function begun (stream: Readable): Promise<Readable> {
  try {
    await once(stream, 'readable')
    return stream
  } catch (error) {
    stream.destroy()
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'FILE_STORE_UNAVAILABLE' && code !== 'FILE_MISSING') throw error
    const extensions = { retryAfterSeconds: storeAgainSeconds }
    const detail = 'The store of the file gives none of it at the moment.'
    throw new Problem(exportProblems.EXPORT_STORE_UNAVAILABLE, { detail, extensions, cause: error })
  }
}

function describe (reply: FastifyReply, { type, name }: ExportFile): FastifyReply {
  return reply.type(type).header('content-disposition', dispositionOf(name))
    .header('cache-control', 'private, no-transform').header('vary', 'accept-encoding')
    .header('x-content-type-options', 'nosniff')
}

/** As {@link describe}, of what is in the file. */
function describePlain (reply: FastifyReply, file: ExportFile): FastifyReply {
  return describe(reply, file).header('etag', `"${file.etag.slice(1, -1)}-plain"`)
}

/** As {@link describe}, of the bytes as they are kept. */
function describeKept (reply: FastifyReply, file: ExportFile): FastifyReply {
  if (file.coding !== 'identity') void reply.header('content-encoding', file.coding)
  return describe(reply, file).header('etag', file.etag).header('accept-ranges', 'bytes')
}
