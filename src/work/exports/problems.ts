import { explainProblems, type ProblemKinds } from '../../kernel/index.ts'

export type ExportProblemCode =
  | 'EXPORT_INPUT_INVALID'
  | 'EXPORT_FORMAT_UNKNOWN'
  | 'EXPORT_LIMIT_EXCEEDED'
  | 'EXPORT_NOT_FOUND'
  | 'EXPORT_NOT_READY'
  | 'EXPORT_GONE'
  | 'EXPORT_STORE_UNAVAILABLE'

/** What asking for an export can be answered with. */
export const exportProblems: ProblemKinds<ExportProblemCode> = explainProblems({
  EXPORT_INPUT_INVALID: [
    400,
    'The export cannot be asked for so',
    'what was asked for does not fit the schema of the export; `issues` says where',
    'Correct what `issues` names.',
  ],
  EXPORT_FORMAT_UNKNOWN: [
    406,
    'The export has no such format',
    'a format was asked for that the export does not offer',
    'Ask for one of those in `formats`.',
  ],
  EXPORT_LIMIT_EXCEEDED: [
    429,
    'Too many exports at once',
    'as many exports as the tenant may have were queued or running, or those that are kept take all the room it has',
    'Wait for one of them to end, which `Retry-After` estimates by how they get on; or cancel one, or delete one that ' +
    'has been fetched, whose room is free some 16 minutes later.',
  ],
  EXPORT_NOT_FOUND: [
    404,
    'There is no such export',
    'the export does not exist, was forgotten some days after it expired, or belongs to somebody else',
    'Check the address, and that the request is made as the user who asked for the export.',
  ],
  EXPORT_NOT_READY: [
    409,
    'The export is not done yet',
    'the file of an export was asked for while it was queued or running',
    'Ask for its status until `state` is `done`; `Retry-After` says when it is worth a look.',
  ],
  EXPORT_GONE: [
    410,
    'The export has no file any more',
    'the file of an export was asked for that has expired, failed or was cancelled',
    'Ask for a new export.',
  ],
  EXPORT_STORE_UNAVAILABLE: [
    503,
    'The file cannot be read now',
    'the store where the file of an export lies could not be reached, or did not give it',
    'Ask again after `Retry-After`; the log says what the store answered.',
  ],
})
