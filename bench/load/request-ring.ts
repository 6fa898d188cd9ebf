import type { LoadOptions } from './closed-loop.ts'

/** One of this many requests is sampled by its caller. */
export const sampledOneIn = 100

/**
 * `traceparent` headers for a ring of prepared requests: all different, one in a hundred sampled.
 *
 * @param random from 0 up to, not including, 1
 */
export function traceparents (count: number, random: () => number): readonly string[] {
  return Array.from(
    { length: count },
    (_, at) => `00-${hex(32, random)}-${hex(16, random)}-${at % sampledOneIn === 0 ? '01' : '00'}`
  )
}

/** Complete HTTP/1.1 requests, one for each `traceparent`; the ids come as often as each other, in an order that jumps. */
export function preparedRequests (
  { path, ids = 1, headers = {} }: Pick<LoadOptions, 'path' | 'ids' | 'headers'>,
  host: string,
  traces: readonly string[]
): readonly Buffer[] {
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return traces.map((traceparent, at) => {
    const target = path.replace('{id}', String((at + 1) * 7919 % ids + 1))
    return Buffer.from(
      `GET ${target} HTTP/1.1\r\nHost: ${host}\r\ntraceparent: ${traceparent}\r\n${more}\r\n`,
      'latin1'
    )
  })
}

function hex (digits: number, random: () => number): string {
  let text = ''
  while (text.length < digits) text += Math.floor(random() * 16).toString(16)
  // Trace and span ids of zeros only are invalid.
  return /^0+$/.test(text) ? `${text.slice(1)}1` : text
}
