export { assertUpcasts, type StoredPayload, UpcastError } from './assert-upcasts.ts'
export {
  defineEvent,
  type EmitOptions,
  type EventHandler,
  type EventOptions,
  type EventType,
} from './define-event.ts'
export {
  EventPayloadError,
  EventsNotOpenError,
  EventTooLargeError,
  EventUnreadableError,
  EventVersionError,
} from './errors.ts'
export { carriedOf } from './event-headers.ts'
export { type EventMessage, orderingKey } from './event-message.ts'
export { type EventOutlet, type NewEvent, outlets, type WrittenEvent } from './event-outlet.ts'
export {
  comparePositions,
  formatPosition,
  type LogPosition,
  logPosition,
  logStart,
  parsePosition,
} from './log-position.ts'
export type { Upcaster } from './payload-form.ts'
