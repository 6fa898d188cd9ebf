import type { FastifyReply } from 'fastify'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

/** What Node keeps of a response's head between `writeHead` and the first write, under this name since its beginning. */
interface HeadHolder {
  _header: string | null
}

/** Anything that could end a header's line, or that Node would not take. */
const unsafe = /[^\t\x20-\x7e\x80-\xff]/

/**
 * What earlier hooks have put on the reply, as lines of a head: for {@link sendWhole}. `undefined` where that cannot be
 * used: only on a connection of HTTP/1, where Node keeps the head as it always has, and with headers of plain text.
 */
export function linesOn (reply: FastifyReply): string | undefined {
  const { raw } = reply
  if (!keepsHead || !(raw instanceof ServerResponse) || !(raw.req instanceof IncomingMessage))
    return undefined
  const headers: Readonly<Record<string, unknown>> = reply.getHeaders()
  let lines = ''
  for (const name in headers) {
    const value = headers[name]
    // A list, or what a response cannot say: for Node to judge.
    if (typeof value !== 'string' && typeof value !== 'number') return undefined
    const line = `${name}: ${value}`
    if (unsafe.test(line)) return undefined
    lines += `${line}\r\n`
  }
  return lines
}

/**
 * Sends an answer whose head is text already, in one piece with its body. Node checks and joins each header of each
 * response, which for an answer that is made once costs more than all the rest of it. So Node makes a head of what is its to
 * say (status, length, date, whether the connection stays), and the lines are put behind that.
 *
 * @param lines of {@link linesOn} and others; without `content-length`
 * @param length of the body in bytes; `undefined` for none to tell, as in a 304
 */
export function sendWhole (
  { raw }: FastifyReply,
  status: number,
  lines: string,
  length: number | undefined,
  body: string | Buffer | undefined,
  encoding: BufferEncoding
): void {
  raw.writeHead(status, length === undefined ? [] : ['content-length', String(length)])
  const holder = raw as unknown as HeadHolder
  const head = holder._header ?? ''
  holder._header = `${head.slice(0, -2)}${lines}\r\n`
  if (body === undefined) raw.end()
  else raw.end(body, encoding)
}

/** Should Node keep it elsewhere one day, answers are sent the longer way. */
const keepsHead = ((): boolean => {
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  response.writeHead(200, ['content-length', '0'])
  const { _header: head } = response as unknown as HeadHolder
  return typeof head === 'string' && head.startsWith('HTTP/1.1 200 OK\r\n') && head.endsWith('\r\n\r\n')
})()
