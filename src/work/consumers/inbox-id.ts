import { createHash } from 'node:crypto'
import { uuidOf } from '../../kernel/index.ts'

/**
 * What a message is remembered by: its id, which is a UUID where Plimsoll has emitted it. Any other text, from a
 * foreign producer, becomes a UUID of version 8 by its hash.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8
 */
export function inboxId (messageId: string): string {
  const own = uuidOf(messageId)
  if (own !== undefined) return own
  const hash = createHash('sha256').update(messageId).digest()
  hash[6] = (hash[6]! & 0x0f) | 0x80
  hash[8] = (hash[8]! & 0x3f) | 0x80
  const hex = hash.toString('hex', 0, 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
