import type { FastifyReply } from 'fastify'
import { Problem, SettingError } from '../../../kernel/index.ts'
import type { JsonSchema } from '../json-schema.ts'
import { payloadProblems } from '../problems.ts'
import { RecentMap } from '../recent-map.ts'
import { FieldMask } from './field-mask.ts'
import { type FieldTree, pathsOf, treeOf } from './field-tree.ts'
import { lenientSchema, maskedSchema, missingField } from './mask-schema.ts'
import { readFields } from './read-fields.ts'

/** What a route says of sparse fieldsets. */
export interface FieldsOptions {
  /** Always sent, whatever is asked for, by path on the wire. @default none */
  readonly always?: readonly string[]
  /** Fields are named from this member on, e.g. `items` of a page; what is beside it is always sent. @default the document */
  readonly under?: string
}

export interface FieldsParts {
  /** Of the answer with status `status`, in the names of the wire. */
  readonly schema: JsonSchema
  readonly status: string
  /** From names on the wire to the handler's. */
  readonly handlerName: (wireName: string) => string
  /** Names the route's setting in errors. */
  readonly setting: string
}

/** What is asked for of one answer. */
export interface FieldSet {
  /** The same for all requests for the same fields: a part of a cache key. */
  readonly canonical: string
  /** For the handler. */
  readonly mask: FieldMask
  /** In names of the wire. */
  readonly tree: FieldTree
}

/** A mask that is asked for so often gets a serializer of its own: compiling one costs more than a few answers. */
const usesToCompile = 16

/** Serializers of masks that one route keeps. */
const mostVariants = 64

type Serialize = (document: unknown) => string

interface Variant {
  uses: number
  serialize: Serialize | undefined
}

/** The sparse fieldsets of one route. */
export class RouteFields {
  /** The status whose answers are cut. */
  readonly status: string
  readonly #parts: FieldsParts
  readonly #always: readonly (readonly string[])[]
  readonly #under: string | undefined
  readonly #lenient: JsonSchema
  readonly #sets = new RecentMap<FieldSet>(256)
  readonly #variants = new RecentMap<Variant>(mostVariants)

  /** @throws SettingError when what is always sent is not in the schema */
  constructor ({ always = [], under }: FieldsOptions, parts: FieldsParts) {
    this.#parts = parts
    this.status = parts.status
    this.#under = under
    this.#always = always.map((path) => path.split('.'))
    this.#lenient = lenientSchema(parts.schema)
    const missing = missingField(parts.schema, this.#treeOf([]))
    if (missing === undefined) return
    throw new SettingError(
      parts.setting,
      `about fields of the response schema (${missing.known.join(', ')})`,
      missing.path
    )
  }

  /**
   * @param given the query parameter `fields`
   * @returns `undefined` when it is not there: everything is sent
   * @throws Problem `MALFORMED_FIELDS`, `UNKNOWN_FIELD`
   */
  read (given: unknown): FieldSet | undefined {
    if (given === undefined) return undefined
    const known = typeof given === 'string' ? this.#sets.get(given) : undefined
    if (known !== undefined) return known
    const paths = readFields(given) ?? []
    const tree = this.#treeOf(paths)
    const missing = missingField(this.#parts.schema, tree)
    if (missing !== undefined) throw this.#unknown(missing.path, missing.known)
    const wire = pathsOf(tree)
    const handler = wire.map((path) => path.split('.').map(this.#parts.handlerName).join('.'))
    const set = { canonical: wire.join(','), mask: new FieldMask(handler), tree }
    if (typeof given === 'string' && given.length <= 256) this.#sets.set(given, set)
    return set
  }

  /**
   * The serializer that writes nothing but the set's fields.
   *
   * @returns `undefined` while the set is asked for too seldom to compile one, and where none can be: what
   *   {@link whole} writes is then to be picked from
   */
  serializer ({ canonical, tree }: FieldSet, reply: FastifyReply): Serialize | undefined {
    const variant = this.#variants.get(canonical) ?? { uses: 0, serialize: undefined }
    if (variant.uses === 0) this.#variants.set(canonical, variant)
    variant.uses++
    if (variant.uses !== usesToCompile) return variant.serialize
    const schema = maskedSchema(this.#parts.schema, tree)
    if (schema !== undefined) variant.serialize = this.#compile(schema, reply)
    return variant.serialize
  }

  /** Writes all that the schema has, but demands nothing of a handler that has left out what nobody wants. */
  whole (reply: FastifyReply): Serialize {
    return this.#compile(this.#lenient, reply)
  }

  /** Fastify remembers serializers by the schema object. */
  #compile (schema: JsonSchema, reply: FastifyReply): Serialize {
    return reply.compileSerializationSchema(schema, this.status) as Serialize
  }

  #treeOf (paths: readonly (readonly string[])[]): FieldTree {
    const below = treeOf([...paths, ...this.#always])
    if (this.#under === undefined) return below
    const { properties = {} } = this.#parts.schema
    const beside = Object.keys(properties).filter((name) => name !== this.#under)
    return new Map<string, FieldTree | 'all'>([
      ...beside.map((name) => [name, 'all'] as const),
      [this.#under, below] as const,
    ])
  }

  #unknown (path: string, known: readonly string[]): Problem {
    const names = known.toSorted()
    const shown = names.slice(0, 20).join(', ')
    const detail = `There is no field "${path}"; there ${names.length === 1 ? 'is' : 'are'} ${shown}${
      names.length > 20 ? ', ...' : ''
    }.`
    return new Problem(payloadProblems.UNKNOWN_FIELD, { detail, extensions: { field: path } })
  }
}
