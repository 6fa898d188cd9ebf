import { Problem } from '../../../kernel/index.ts'
import { payloadProblems } from '../problems.ts'

/** A path into a document, e.g. `['price', 'amount']`. */
export type FieldPath = readonly string[]

const longest = 1_000
const most = 100
const deepest = 8
const name = /^[\p{L}\p{N}_$@-]{1,64}$/u

/**
 * Reads the query parameter `fields`: names separated by commas, with dots into nested objects. Given more than
 * once, the lists are joined.
 *
 * @returns `undefined` without the parameter
 * @throws Problem `MALFORMED_FIELDS`
 */
export function readFields (given: unknown): readonly FieldPath[] | undefined {
  if (given === undefined) return undefined
  const text = Array.isArray(given) ? given.join(',') : given
  if (typeof text !== 'string' || text.length > longest) {
    throw malformed(`\`fields\` may have ${longest} characters.`)
  }
  const items = text.split(',')
  if (items.length > most) throw malformed(`\`fields\` may hold ${most} names.`)
  return items.map((item) => {
    const path = item.trim().split('.')
    if (!path.every((step) => name.test(step))) {
      throw malformed('`fields` must be names separated by commas, with dots into nested objects.')
    }
    if (path.length > deepest) throw malformed(`A path in \`fields\` may have ${deepest} names.`)
    return path
  })
}

function malformed (detail: string): Problem {
  return new Problem(payloadProblems.MALFORMED_FIELDS, { detail })
}
