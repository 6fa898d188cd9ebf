import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { Problem, SettingError } from '../../kernel/index.ts'
import { CodingChooser, decodeBodies, encodeAnswers, encodeHeads } from './coding/index.ts'
import { RouteFields } from './fields/index.ts'
import { FormatChooser, readsMessagePack } from './format/index.ts'
import { isSchema, type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { compileNaming, type RouteNaming } from './naming/index.ts'
import { respondAsync } from './prefer/index.ts'
import { payloadProblems } from './problems.ts'
import { RouteShape } from './route-shape.ts'
import { type PayloadCommons, type PayloadSettings, resolvePayloadSettings } from './settings.ts'

/**
 * Puts onto a route what its settings ask for, and nothing where they ask for nothing. For Fastify's onRoute hook,
 * before what keeps answers (idempotency keys, a cache) puts its own hooks on: those then see what is sent.
 *
 * @param name of the route in errors, e.g. `GET /orders/:id`
 * @returns what says which look a request wants; `undefined` where answers go out as they are
 * @throws SettingError
 */
export function shapeRoute (
  route: RouteOptions,
  settings: PayloadSettings,
  commons: PayloadCommons,
  name = `${String(route.method)} ${route.url}`
): RouteShape | undefined {
  const resolved = resolvePayloadSettings(settings, commons, name)
  const { naming: wireNaming, versions } = resolved
  const naming = wireNaming === false || route.schema === undefined ?
    undefined :
    compileNaming(route.schema, wireNaming, `${name} config.naming`)
  if (naming !== undefined) route.schema = naming.schema
  const shape = new RouteShape({
    formats: resolved.formats === undefined ?
      undefined :
      new FormatChooser(resolved.formats, `${name} config.formats`),
    naming,
    fields: resolved.fields === false ?
      undefined :
      fieldsOf(route, resolved.fields, naming, `${name} config.fields`),
    versions,
    steps: versions?.compile(name.replace(/^HEAD /, 'GET ')),
  })
  addHooks(route, shape)
  if (resolved.formats?.includes('msgpack') === true && readsBodies(route.method)) {
    route.config = { ...route.config, [readsMessagePack]: true }
  }
  return shape.varies || naming !== undefined ? shape : undefined
}

function addHooks (route: RouteOptions, shape: RouteShape): void {
  const { naming } = shape.parts
  if (shape.varies) {
    route.onRequest = [...listOf(route.onRequest), stage((request, reply) => shape.announce(request, reply))]
    // Before what keeps answers, and before the hook by which Fastify drops the body of HEAD.
    route.onSend = [
      over((request, reply, payload) => shape.reshape(request, reply, payload)),
      ...listOf(route.onSend),
    ]
  }
  if (shape.upgrades) {
    route.preValidation = [stage((request) => shape.upgrade(request)), ...listOf(route.preValidation)]
  }
  if (naming?.body !== undefined || naming?.query !== undefined) {
    route.preHandler = [stage((request) => shape.toHandlerNames(request)), ...listOf(route.preHandler)]
  }
  if (shape.parts.fields !== undefined || (naming !== undefined && naming.responses.size > 0)) {
    route.preSerialization = [
      ...listOf(route.preSerialization),
      over((request, reply, payload) => shape.toWire(request, reply, payload)),
    ]
  }
}

type Done = (error?: Error | null, payload?: unknown) => void

/** A hook that looks, or refuses by throwing. */
function stage (run: (request: FastifyRequest, reply: FastifyReply) => void) {
  return (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => {
    try {
      run(request, reply)
    } catch (error) {
      return done(error as Error)
    }
    done()
  }
}

/** A hook that makes another payload. */
function over (change: (request: FastifyRequest, reply: FastifyReply, payload: unknown) => unknown) {
  return (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done): void => {
    let changed: unknown
    try {
      changed = change(request, reply, payload)
    } catch (error) {
      return done(error as Error)
    }
    done(null, changed)
  }
}

/**
 * Puts the rest onto a route, behind what looks for idempotency keys and what keeps answers: compression both
 * ways, and the hand-over of requests that prefer `respond-async`.
 *
 * @throws SettingError
 */
export function finishRoute (
  route: RouteOptions,
  settings: PayloadSettings,
  commons: PayloadCommons,
  name = `${String(route.method)} ${route.url}`
): void {
  const { compress, asyncResponder } = resolvePayloadSettings(settings, commons, name)
  // A HEAD asks for no answer, so that there is none to make later.
  if (asyncResponder !== undefined && route.method !== 'HEAD') {
    route.preHandler = [...listOf(route.preHandler), respondAsync(asyncResponder)]
  }
  if (compress === false) return
  const { headroom = () => 1, onEncoded, bodyLimit } = commons
  const chooser = new CodingChooser(compress.codings)
  const encode = route.method === 'HEAD' ? encodeHeads : encodeAnswers
  route.onSend = [...listOf(route.onSend), encode(compress, { chooser, headroom, onEncoded })]
  if (readsBodies(route.method)) {
    route.preParsing = [...listOf(route.preParsing), decodeBodies({ limit: route.bodyLimit ?? bodyLimit })]
  }
  refuseWithoutCoding(route, chooser)
}

/** A client may refuse the plain body, and then take nothing that the route has. */
function refuseWithoutCoding (route: RouteOptions, chooser: CodingChooser): void {
  route.onRequest = [...listOf(route.onRequest), (request, _reply, done) => {
    const { coding, plain } = chooser.choose(request.headers['accept-encoding']?.toString())
    if (coding !== undefined || plain) return done()
    const acceptable = [...chooser.offered, 'identity']
    const detail = `The route answers in the codings ${acceptable.join(', ')}.`
    done(new Problem(payloadProblems.NOT_ACCEPTABLE, { detail, extensions: { acceptable } }))
  }]
}

function readsBodies (method: RouteOptions['method']): boolean {
  const methods: readonly string[] = Array.isArray(method) ? method : [method]
  return methods.some((name) => name !== 'GET' && name !== 'HEAD')
}

function fieldsOf (
  route: RouteOptions,
  options: ConstructorParameters<typeof RouteFields>[0],
  naming: RouteNaming | undefined,
  setting: string
): RouteFields {
  const response = isSchema(route.schema?.response) ? route.schema.response : {}
  const status = Object.keys(response).find((key) => /^2\d\d$/.test(key))
  const schema = status === undefined ? undefined : jsonSchemaOf(response[status])
  if (status === undefined || schema === undefined) {
    throw new SettingError(
      setting,
      'used with a response schema of a status such as 200',
      route.schema?.response
    )
  }
  const { querystring } = route.schema as { readonly querystring?: unknown }
  if (isSchema(querystring) && isSchema(querystring.properties)) {
    route.schema = { ...route.schema, querystring: withFields(querystring) }
  }
  return new RouteFields(options, {
    schema,
    status,
    handlerName: naming?.handlerName ?? ((name) => name),
    setting,
  })
}

/** The parameter has to be in the schema, where the API description finds it and validation lets it pass. */
function withFields (querystring: JsonSchema): JsonSchema {
  const fields = {
    type: 'string',
    description:
      'The fields to send, separated by commas, with dots into nested objects; all of them without it.',
  }
  return { ...querystring, properties: { ...querystring.properties, fields } }
}

function listOf<Hook> (hooks: Hook | Hook[] | undefined): Hook[] {
  if (hooks === undefined) return []
  return Array.isArray(hooks) ? hooks : [hooks]
}
