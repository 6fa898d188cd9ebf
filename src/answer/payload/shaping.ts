import type { FastifyRequest } from 'fastify'
import type { FieldMask, FieldSet } from './fields/index.ts'
import type { ChosenFormat, Format } from './format/index.ts'
import type { VersionSteps } from './version/index.ts'

/** How one request wants its answer, worked out once. */
export interface Shaping {
  readonly format: ChosenFormat | undefined
  readonly fields: FieldSet | undefined
  readonly version: VersionSteps | undefined
  /** Tells answers apart that differ by any of these; empty for the route's plain answer. */
  readonly variant: string
  /** The serializer has written no more than the fields: nothing is to be cut any more. */
  cut: boolean
}

/** Finds a request's shaping on it. A symbol, so that no decorator can collide with it. */
export const shapingOf: unique symbol = Symbol('plimsoll.shaping')

declare module 'fastify' {
  interface FastifyRequest {
    [shapingOf]?: Shaping
  }
}

/** The fields that a request asks for; `undefined` for all of them. */
export function fieldsOf (request: FastifyRequest): FieldMask | undefined {
  return request[shapingOf]?.fields?.mask
}

/** What a request is answered in; `undefined` on a route that says nothing of formats. */
export function formatOf (request: FastifyRequest): Format | undefined {
  return request[shapingOf]?.format?.format
}

/** The version of the API that a request speaks; `undefined` on a route that has none. */
export function apiVersionOf (request: FastifyRequest): string | undefined {
  return request[shapingOf]?.version?.version
}
