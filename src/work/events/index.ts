export { type EventMessage, orderingKey } from './event-message.ts'
export {
  comparePositions,
  formatPosition,
  type LogPosition,
  logStart,
  parsePosition,
} from './log-position.ts'
