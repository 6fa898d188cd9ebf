import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

/** Headers as `writeHead` takes them. */
export type GivenHeaders = Readonly<Record<string, unknown>> | readonly unknown[] | null | undefined

/** Has something to say in the head of a response. */
export interface Teller {
  /** @param given the other headers of the head @returns lines of it, each of them ended */
  linesBeside(given: GivenHeaders): string
}

/** What Node makes a response's head with, under these names since its beginning. */
interface HeadMaker {
  _header?: string | null
  _storeHeader?: (firstLine: string, headers: GivenHeaders) => void
}

const tellerOf: unique symbol = Symbol('plimsoll.teller')

interface TellingResponse extends HeadMaker {
  [tellerOf]?: Teller
}

const { _storeHeader: storeHeader } = ServerResponse.prototype as unknown as HeadMaker

/**
 * Lets `teller` add to the head of a response when that is made, whoever makes it: Fastify, a handler on the raw
 * response, or Node itself. Node checks name and value of each header of each response, which costs more than to write
 * them; what we have written ourselves goes with the first line instead, which it takes as it is.
 *
 * @returns false where that cannot be, on HTTP/2 or for an injected request: there it has to be said by headers
 */
export function tellInHead (response: object, teller: Teller): boolean {
  if (!isHeard || !(response instanceof ServerResponse) || !(response.req instanceof IncomingMessage))
    return false
  const telling = response as TellingResponse
  telling[tellerOf] = teller
  telling._storeHeader = storeHeaderAndTell
  return true
}

/** The names of given headers, in lower case. */
export function namesIn (given: GivenHeaders): readonly string[] {
  if (given === null || given === undefined) return []
  if (!Array.isArray(given)) return Object.keys(given).map((name) => name.toLowerCase())
  const flat: readonly unknown[] = Array.isArray(given[0]) ? given.flat() : given
  return flat.filter((_, at) => at % 2 === 0).map((name) => String(name).toLowerCase())
}

function storeHeaderAndTell (this: TellingResponse, firstLine: string, headers: GivenHeaders): void {
  storeHeader?.call(this, firstLine + (this[tellerOf]?.linesBeside(headers) ?? ''), headers)
}

/** Should Node make heads in another way one day, everything is said by headers. */
const isHeard = ((): boolean => {
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  const telling = response as TellingResponse
  if (typeof storeHeader !== 'function') return false
  telling[tellerOf] = { linesBeside: () => 'a: b\r\n' }
  telling._storeHeader = storeHeaderAndTell
  response.writeHead(200, { c: 'd' })
  return telling._header?.startsWith('HTTP/1.1 200 OK\r\na: b\r\nc: d\r\n') === true
})()
