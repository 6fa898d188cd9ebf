import { Problem } from '../../kernel/index.ts'
import { pathFault } from './part-path.ts'
import { batchProblems } from './problems.ts'

export const partMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
export type PartMethod = typeof partMethods[number]

/** One part of a batch, as the client sent it, checked. */
export interface Part {
  /** Unique in its batch. */
  readonly id: string
  readonly method: PartMethod
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** `undefined` for none. */
  readonly body: unknown
  /** Ids of the parts that have to succeed first. */
  readonly dependsOn: readonly string[]
}

export interface BatchLimits {
  readonly maxParts: number
  readonly maxCost: number
  readonly cost: (part: Part) => number
  /** What paths begin with; ends in a slash. */
  readonly within: string
  /** Names in lower case. */
  readonly partHeaders: ReadonlySet<string>
}

/**
 * Reads what was posted to a batch. Nothing of it is run unless all of it is good.
 *
 * @throws Problem `BATCH_MALFORMED`, `BATCH_TOO_LARGE`
 */
export function readBatch (document: unknown, limits: BatchLimits): readonly Part[] {
  const { requests } = isRecord(document) ? document : {}
  if (!Array.isArray(requests) || requests.length === 0) {
    throw malformed('The body must be an object with `requests`, a list of at least one part.')
  }
  const { maxParts, maxCost, cost } = limits
  if (requests.length > maxParts) {
    throw tooLarge(`A batch may have ${maxParts} parts; this one has ${requests.length}.`)
  }
  const parts = requests.map((request, index) => readPart(request, `requests[${index}]`, limits))
  const total = parts.reduce((sum, part) => sum + cost(part), 0)
  if (total > maxCost)
    throw tooLarge(`The parts of a batch may cost ${maxCost} together; these cost ${total}.`)
  const ids = new Set<string>()
  for (const { id } of parts) {
    if (ids.has(id)) throw malformed(`Two parts have the id "${id}".`)
    ids.add(id)
  }
  for (const { id, dependsOn } of parts) {
    const stranger = dependsOn.find((other) => !ids.has(other))
    if (stranger !== undefined)
      throw malformed(`"${id}" depends on "${stranger}", which is not in the batch.`)
  }
  return parts
}

const members: ReadonlySet<string> = new Set(['id', 'method', 'path', 'headers', 'body', 'dependsOn'])

function readPart (given: unknown, place: string, limits: BatchLimits): Part {
  if (!isRecord(given)) throw malformed(`${place} must be an object.`)
  const stranger = Object.keys(given).find((member) => !members.has(member))
  if (stranger !== undefined) throw malformed(`${place} has a member that no part has: "${stranger}".`)
  const { id, method, path, body, dependsOn = [] } = given
  if (typeof id !== 'string' || !/^[\w.-]{1,64}$/.test(id)) {
    throw malformed(`${place}.id must be 1 to 64 letters, digits, "_", "." and "-".`)
  }
  if (!isMethod(method)) throw malformed(`${place}.method must be one of ${partMethods.join(', ')}.`)
  if (typeof path !== 'string') throw malformed(`${place}.path must be text.`)
  const fault = pathFault(path, limits.within)
  if (fault !== undefined) throw malformed(`${place}.path must ${fault}.`)
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) {
    throw malformed(`${place} is a ${method} and has no body.`)
  }
  if (!Array.isArray(dependsOn) || dependsOn.length > limits.maxParts || !dependsOn.every(isText)) {
    throw malformed(`${place}.dependsOn must be a list of ids.`)
  }
  return { id, method, path, headers: readHeaders(given['headers'], place, limits), body, dependsOn }
}

function readHeaders (given: unknown, place: string, { partHeaders }: BatchLimits): Part['headers'] {
  if (given === undefined) return {}
  if (!isRecord(given)) throw malformed(`${place}.headers must be an object of text.`)
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(given)) {
    const lower = name.toLowerCase()
    if (!partHeaders.has(lower)) {
      throw malformed(
        `${place}.headers must be among ${[...partHeaders].join(', ')}; others are the batch's own.`
      )
    }
    if (Object.hasOwn(headers, lower)) throw malformed(`${place}.headers has "${lower}" twice.`)
    if (typeof value !== 'string' || !/^[\t -~]{0,4096}$/.test(value)) {
      throw malformed(`${place}.headers.${lower} must be text of printable ASCII.`)
    }
    headers[lower] = value
  }
  return headers
}

function isRecord (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText (value: unknown): value is string {
  return typeof value === 'string'
}

function isMethod (value: unknown): value is PartMethod {
  return (partMethods as readonly unknown[]).includes(value)
}

function malformed (detail: string): Problem {
  return new Problem(batchProblems.BATCH_MALFORMED, { detail })
}

function tooLarge (detail: string): Problem {
  return new Problem(batchProblems.BATCH_TOO_LARGE, { detail })
}
