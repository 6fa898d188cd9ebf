import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../kernel/index.ts'
import { mediaTypeOf } from './coding/index.ts'
import { describePayload, type PayloadDescription } from './describe.ts'
import { pick, type RouteFields } from './fields/index.ts'
import { type FormatChooser, jsonType, packMessage, readJsonExactly } from './format/index.ts'
import { byStatus, type RouteNaming } from './naming/index.ts'
import { payloadProblems } from './problems.ts'
import { type Shaping, shapingOf } from './shaping.ts'
import { addVary } from './vary.ts'
import type { ApiVersions, VersionSteps } from './version/index.ts'

export interface RouteShapeParts {
  readonly formats: FormatChooser | undefined
  readonly fields: RouteFields | undefined
  readonly naming: RouteNaming | undefined
  readonly versions: ApiVersions | undefined
  readonly steps: ReadonlyMap<string, VersionSteps> | undefined
}

/** An answer as it will be sent, but for its compression. */
export interface WrittenAnswer {
  readonly headers: ReturnType<FastifyReply['getHeaders']>
  readonly body: string | Buffer
}

/**
 * What the answers of one route can look like. `read` says which look a request wants, the other methods are
 * what its hooks do.
 */
export class RouteShape {
  /** Request headers that the answer depends on, in lower case: what its `Vary` names. */
  readonly vary: readonly string[]
  readonly parts: RouteShapeParts

  constructor (parts: RouteShapeParts) {
    this.parts = parts
    this.vary = [
      ...parts.formats === undefined ? [] : ['accept'],
      ...parts.versions === undefined ? [] : [parts.versions.header],
    ]
  }

  /** Whether its answers have more than one look. */
  get varies (): boolean {
    const { formats, fields, versions } = this.parts
    return formats !== undefined || fields !== undefined || versions !== undefined
  }

  /** Whether older requests are made into those of today. */
  get upgrades (): boolean {
    return [...this.parts.steps?.values() ?? []].some(({ upgrade }) => upgrade !== undefined)
  }

  /**
   * How a request wants its answer: remembered on it, so that whoever asks first (a cache looking for its key, say)
   * pays for it.
   *
   * @throws Problem when the route cannot answer so
   */
  read (request: FastifyRequest): Shaping {
    const known = request[shapingOf]
    if (known !== undefined) return known
    const { headers } = request
    const version = this.#version(headers)
    const format = this.parts.formats?.choose(headers.accept)
    if (format === undefined && this.parts.formats !== undefined)
      throw notAcceptable(this.parts.formats.offered)
    const { fields: asked } = request.query as { readonly fields?: unknown }
    const fields = this.parts.fields?.read(asked)
    const shaping: Shaping = {
      version,
      format,
      fields,
      variant: [
        format === undefined || format.format === 'json' ? '' : `t=${format.mediaType}`,
        version === undefined ? '' : `v=${version.version}`,
        fields === undefined ? '' : `f=${fields.canonical}`,
      ].filter((part) => part !== '').join(';'),
      cut: false,
    }
    request[shapingOf] = shaping
    return shaping
  }

  /** For the API description. */
  describe (): PayloadDescription {
    return describePayload(this.parts)
  }

  /** Before the handler: refuses what cannot be, and says what the answer depends on. */
  announce (request: FastifyRequest, reply: FastifyReply): void {
    for (const name of this.vary) addVary(reply, name)
    const { version } = this.read(request)
    if (version === undefined) return
    for (const [name, value] of version.headers) reply.header(name, value)
  }

  /** Before validation: an older request becomes one of today. */
  upgrade (request: FastifyRequest): void {
    const { version } = request[shapingOf] ?? {}
    if (version?.upgrade === undefined) return
    try {
      const { body, query } = version.upgrade({ body: request.body, query: request.query })
      request.body = body
      request.query = query
    } catch (cause) {
      if (cause instanceof Problem) throw cause
      // Nothing has validated it yet: what a step stumbles over is what the client has sent.
      const detail = `The request is not one of version ${version.version}.`
      throw new Problem(payloadProblems.NOT_OF_VERSION, { detail, cause })
    }
  }

  /** After validation: names of the wire become those of the handler. */
  toHandlerNames (request: FastifyRequest): void {
    const { naming } = this.parts
    if (naming?.body !== undefined) request.body = naming.body(request.body)
    if (naming?.query !== undefined) request.query = naming.query(request.query)
  }

  /** Before the serializer: names of the handler become those of the wire, and a mask brings its serializer. */
  toWire (request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
    if (mediaTypeOf(reply.getHeader('content-type')) !== jsonType) return payload
    const { naming, fields } = this.parts
    const rename = naming === undefined ? undefined : byStatus(naming.responses, reply.statusCode)
    const shaping = request[shapingOf]
    const set = this.#fieldsFor(request, reply)
    if (shaping !== undefined && fields !== undefined && set !== undefined) {
      const own = fields.serializer(set, reply)
      shaping.cut = own !== undefined
      reply.serializer(own ?? fields.whole(reply))
    }
    return rename === undefined ? payload : rename(payload)
  }

  /**
   * After the serializer, before anything keeps the answer: what JSON clients of today would get is cut to the
   * fields, made into what the version had, and packed. Nothing is sent that the serializer has not let through.
   */
  reshape (request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
    // Bytes are sent as they are: a handler has written them itself, or they are an earlier answer once more.
    if (typeof payload !== 'string') return payload
    const shaping = request[shapingOf]
    if (shaping === undefined || mediaTypeOf(reply.getHeader('content-type')) !== jsonType) return payload
    const { statusCode } = reply
    const packs = shaping.format?.format === 'msgpack'
    const downgrade = isSuccess(statusCode) ? shaping.version?.downgrade : undefined
    const set = shaping.cut ? undefined : this.#fieldsFor(request, reply)
    if (!packs && downgrade === undefined && set === undefined) return payload
    let document: unknown
    try {
      document = packs ? readJsonExactly(payload) : JSON.parse(payload)
    } catch {
      // The handler has called something JSON that is not: it goes out as it is.
      return payload
    }
    if (set !== undefined) document = pick(document, set.tree)
    if (downgrade !== undefined) document = downgrade(document, statusCode)
    if (!packs) return JSON.stringify(document)
    reply.header('content-type', shaping.format?.mediaType ?? '')
    reply.removeHeader('content-length')
    return packMessage(document)
  }

  /**
   * What the answer will be when it is sent, before it is compressed: for what has to keep it earlier, in the
   * transaction that made it. The reply is as before afterwards.
   *
   * @param document what the handler will answer with: an object
   */
  write (request: FastifyRequest, reply: FastifyReply, document: object): WrittenAnswer {
    const given = reply.getHeader('content-type')
    if (given === undefined) reply.header('content-type', `${jsonType}; charset=utf-8`)
    const wire = this.toWire(request, reply, document)
    const body = this.reshape(request, reply, reply.serialize(wire)) as string | Buffer
    const headers = reply.getHeaders()
    // Back to Fastify's own, which its types have no word for: a serializer that is set keeps it from naming the type.
    if (this.parts.fields !== undefined) reply.serializer(null as never)
    if (given === undefined) reply.removeHeader('content-type')
    else reply.header('content-type', given)
    return { headers, body }
  }

  #version (headers: FastifyRequest['headers']): VersionSteps | undefined {
    const { versions, steps } = this.parts
    if (versions === undefined || steps === undefined) return undefined
    const asked = versions.asked(headers[versions.header]?.toString())
    const found = steps.get(asked)
    if (found !== undefined) return found
    const detail = `${versions.header} must be one of ${versions.versions.join(', ')}.`
    throw new Problem(payloadProblems.UNKNOWN_VERSION, {
      detail,
      extensions: { versions: versions.versions },
    })
  }

  #fieldsFor (request: FastifyRequest, reply: FastifyReply): Shaping['fields'] {
    const { fields } = this.parts
    return fields !== undefined && String(reply.statusCode) === fields.status ?
      request[shapingOf]?.fields :
      undefined
  }
}

function isSuccess (status: number): boolean {
  return status >= 200 && status < 300
}

function notAcceptable (offered: readonly string[]): Problem {
  const detail = `The route answers in ${offered.join(', ')}.`
  return new Problem(payloadProblems.NOT_ACCEPTABLE, { detail, extensions: { acceptable: offered } })
}
