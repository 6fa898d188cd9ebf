import type { ConsumeMessage } from 'amqplib'
import { createHash } from 'node:crypto'
import type { EventMessage } from '../../events/index.ts'
import { readEnvelope } from '../envelope.ts'

/** The event that a queue has handed out; of a message that Plimsoll has not published, as much as can be read. */
export function readMessage (
  message: Pick<ConsumeMessage, 'content' | 'fields' | 'properties'>
): EventMessage {
  const { content, fields: { routingKey }, properties: { messageId, timestamp, headers = {} } } = message
  const texts = Object.entries(headers).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name.toLowerCase(), value] as const] : []
  )
  return readEnvelope(new Map(texts), content.toString(), {
    id: typeof messageId === 'string' && messageId !== '' ? messageId : contentId(message),
    type: routingKey,
    key: '',
    atMs: typeof timestamp === 'number' ? timestamp * 1000 : 0,
  })
}

/** RabbitMQ numbers nothing: without an id of its producer, a message is told by what it is. */
function contentId (
  { content, fields: { routingKey }, properties: { timestamp } }: Parameters<typeof readMessage>[0]
): string {
  const about = JSON.stringify([routingKey, timestamp ?? null])
  return `content:${createHash('sha256').update(about).update(content).digest('hex')}`
}
