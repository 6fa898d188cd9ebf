import { type EventMessage, formatPosition, parsePosition } from '../events/index.ts'

/** A message as the text that is kept of it. */
export function writeMessage ({ position, ...message }: EventMessage): string {
  return JSON.stringify(
    position === undefined ? message : { ...message, position: formatPosition(position) }
  )
}

/** Reads what {@link writeMessage} has written. */
export function readMessage (text: string): EventMessage {
  const { position, ...message } = JSON.parse(text) as Omit<EventMessage, 'position'> & { position?: string }
  const place = position === undefined ? undefined : parsePosition(position)
  return place === undefined ? message : { ...message, position: place }
}
