export { LogTruncatedError, OutboxStalledError, RelayBehindError } from './errors.ts'
export { openOutbox, type Outbox, type OutboxOptions } from './open-outbox.ts'
export type {
  LogBatch,
  LogCheckpoint,
  LogCheckpoints,
  LoggedMessage,
  LogRead,
  LogShard,
  OutboxLog,
  Stall,
} from './outbox-log.ts'
export { type ParkedEvent, ParkedEvents } from './parked-events.ts'
export type { Publisher, PublishOutcome } from './publisher.ts'
export { openRelay, type Relay, type RelayOptions } from './relay.ts'
