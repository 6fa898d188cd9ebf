import type { FastifyReply } from 'fastify'
import { IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import { Socket } from 'node:net'

/** What Node makes a response's head with, under these names since its beginning. */
interface HeadMaker {
  _header: string | null
  _hasBody: boolean
  _storeHeader(firstLine: string, headers: readonly string[] | undefined): void
}

/** Anything that could end a header's line, or that Node would not take. */
const unsafe = /[^\t\x20-\x7e\x80-\xff]/
/** What Node has to see, because it acts on it. */
const framing: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'expect',
  'keep-alive',
  'trailer',
  'transfer-encoding',
])

/**
 * What earlier hooks have put on the reply, as lines of a head: for {@link sendWhole}. `undefined` where that cannot be
 * used: only on a connection of HTTP/1, where Node makes heads as it always has, and with headers of plain text that are
 * not about the connection.
 */
export function linesOn (reply: FastifyReply): string | undefined {
  const { raw } = reply
  if (!makesHead || !(raw instanceof ServerResponse) || !(raw.req instanceof IncomingMessage))
    return undefined
  // Whether the connection survives a body that was announced and is not read, Node decides.
  if (raw.req.headers.expect !== undefined) return undefined
  const headers: Readonly<Record<string, unknown>> = reply.getHeaders()
  let lines = ''
  for (const name in headers) {
    const value = headers[name]
    // A list, or what a response cannot say: for Node to judge.
    if (typeof value !== 'string' && typeof value !== 'number') return undefined
    const line = `${name}: ${value}`
    if (unsafe.test(line) || framing.has(name)) return undefined
    lines += `${line}\r\n`
  }
  return lines
}

/**
 * Sends an answer whose head is text already, in one piece with its body. Node checks and joins each header of each
 * response, which for an answer that is made once costs more than all the rest of it. So Node gets the lines as a part of
 * the first one, and adds what is its to say: length, date, whether the connection stays. A body of text then goes out as
 * the end of the head: given to `end`, it would wait in the buffers of response and connection to be put together there.
 *
 * @param lines of {@link linesOn} and others; without `content-length`
 * @param length of the body in bytes; `undefined` for none to tell, as in a 304
 * @param body text of ASCII alone, or bytes
 * @returns whether it is out: the system has taken all of it, and nothing that happens to the connection can change what
 *   this request came to. False where it waits for a client that reads slowly, or behind an earlier answer.
 */
export function sendWhole (
  { raw }: FastifyReply,
  status: number,
  lines: string,
  length: number | undefined,
  body: string | Buffer | undefined
): boolean {
  storeHead(raw, status, lines, length)
  if (typeof body === 'string') endWith(raw, body)
  else raw.end(body)
  return raw.writableLength === 0 && raw.socket?.destroyed === false
}

/** `writeHead` of an answer without headers of its own, but for the lines. */
function storeHead (raw: ServerResponse, status: number, lines: string, length: number | undefined): void {
  const maker = raw as unknown as HeadMaker
  raw.statusCode = status
  if (status === 304 || status === 204) maker._hasBody = false
  const firstLine = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n${lines}`
  maker._storeHeader(firstLine, length === undefined ? undefined : ['content-length', String(length)])
}

/** `end` of text, as a part of the head; of no text where there must be none, as for HEAD. */
function endWith (raw: ServerResponse, text: string): void {
  const maker = raw as unknown as HeadMaker
  if (maker._hasBody) maker._header = `${maker._header ?? ''}${text}`
  raw.end()
}

/** Should Node make heads in another way one day, or hold back what it has made, answers are sent the longer way. */
const makesHead = ((): boolean => {
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  if (typeof (response as unknown as Partial<HeadMaker>)._storeHeader !== 'function') return false
  storeHead(response, 200, 'a: b\r\n', 1)
  endWith(response, 'c')
  const { outputData } = response as unknown as {
    readonly outputData?: readonly { readonly data: unknown }[]
  }
  const text = outputData?.map(({ data }) => data).join('') ?? ''
  return text.startsWith('HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 1\r\n') && text.endsWith('\r\n\r\nc')
})()
