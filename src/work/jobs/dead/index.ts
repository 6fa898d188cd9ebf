export type {
  AuditRecord,
  DeadFilter,
  DeadGroup,
  DeadGroupVersion,
  DeadLetter,
  DeadLetterHistory,
  Operator,
} from './dead-letter.ts'
export {
  type DeadLetterEdit,
  type DeadLetterPage,
  DeadLetters,
  type DeadLettersOptions,
} from './dead-letters.ts'
export { DeadLetterChangedError, DeadLetterMissingError, DeadLetterPayloadError } from './errors.ts'
export { type RedriveOptions, type RedriveProgress } from './redrive-options.ts'
export { redrive } from './redrive.ts'
