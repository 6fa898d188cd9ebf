import { createHash } from 'node:crypto'

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/**
 * What a message is remembered by: its id, which is a UUID where Plimsoll has emitted it. Any other text, from a
 * foreign producer, becomes a UUID of version 8 by its hash.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8
 */
export function inboxId (messageId: string): string {
  if (uuid.test(messageId)) return messageId.toLowerCase()
  const hash = createHash('sha256').update(messageId).digest()
  hash[6] = (hash[6]! & 0x0f) | 0x80
  hash[8] = (hash[8]! & 0x3f) | 0x80
  const hex = hash.toString('hex', 0, 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
