import { type Problem, problemMediaType } from '../../kernel/index.ts'
import type { PartAnswer } from './dispatch.ts'

/** The answer of a part that did not come from its route. */
export function problemAnswer (problem: Problem): PartAnswer {
  return {
    status: problem.statusCode,
    headers: { 'content-type': problemMediaType },
    body: Buffer.from(JSON.stringify(problem.toDocument())),
  }
}

/**
 * One result, as JSON without line breaks. A body that is JSON stands in it as it is, text as text, and anything
 * else as base64, with `"encoding":"base64"` beside it.
 *
 * @param names of the headers that are told, in lower case
 */
export function writeResult (
  id: string,
  { status, headers, body }: PartAnswer,
  names: readonly string[]
): string {
  const told: Record<string, unknown> = {}
  for (const name of names) if (headers[name] !== undefined) told[name] = headers[name]
  const head = `{"id":${JSON.stringify(id)},"status":${status},"headers":${JSON.stringify(told)}`
  return `${head}${bodyMembers(body, String(headers['content-type'] ?? ''))}}`
}

function bodyMembers (body: Buffer, contentType: string): string {
  if (body.length === 0) return ''
  const [type = ''] = contentType.toLowerCase().split(';', 1)
  const mediaType = type.trim()
  if (mediaType === 'application/json' || mediaType.endsWith('+json')) return `,"body":${jsonOf(body)}`
  if (mediaType.startsWith('text/') || mediaType.endsWith('ndjson'))
    return `,"body":${JSON.stringify(String(body))}`
  return `,"body":${JSON.stringify(body.toString('base64'))},"encoding":"base64"`
}

/** The text itself where it can stand in a line; what is no JSON in spite of its type becomes text. */
function jsonOf (body: Buffer): string {
  const text = String(body)
  try {
    const value: unknown = JSON.parse(text)
    return /[\r\n]/.test(text) ? JSON.stringify(value) : text
  } catch {
    return JSON.stringify(text)
  }
}
