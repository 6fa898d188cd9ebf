import type { KeptResponse, ReadResponse } from '../client/index.ts'
import type { JourneyAnswer } from '../journey.ts'

const noHeaders: ReadonlyMap<string, string> = new Map()
const noBody = new Uint8Array()

/** An answer as a journey's code sees it. */
export function answerOf (
  { statusCode }: ReadResponse,
  kept: KeptResponse | undefined,
  expected: boolean
): JourneyAnswer {
  if (kept === undefined) return { statusCode, expected, headers: noHeaders, body: noBody }
  return { statusCode, expected, headers: headersOf(kept.head), body: kept.body }
}

/** Fields of one name are joined by a comma (RFC 9110, 5.3). */
function headersOf (head: string): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (const line of head.split('\r\n').slice(1)) {
    const colonAt = line.indexOf(':')
    const name = line.slice(0, colonAt).toLowerCase()
    const value = line.slice(colonAt + 1).trim()
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return headers
}
