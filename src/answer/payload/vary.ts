/** What {@link addVary} needs of a reply. */
export interface VaryingReply {
  getHeader(name: string): number | string | string[] | undefined
  header(name: string, value: string): unknown
}

/**
 * Says that a response depends on a request header, beside what its `Vary` says already.
 *
 * @param name in lower case
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5.5
 */
export function addVary (reply: VaryingReply, name: string): void {
  const given = reply.getHeader('vary')
  if (given === undefined || given === '') {
    reply.header('vary', name)
    return
  }
  const text = String(given)
  const names = new Set(text.toLowerCase().split(',').map((item) => item.trim()))
  if (names.has('*') || names.has(name)) return
  reply.header('vary', `${text}, ${name}`)
}
