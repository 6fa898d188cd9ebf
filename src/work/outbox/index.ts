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
export type { Publisher, PublishOutcome } from './publisher.ts'
