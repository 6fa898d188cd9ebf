import { explainProblems, type ProblemKinds } from '../../kernel/index.ts'

export type BatchProblemCode =
  | 'BATCH_MALFORMED'
  | 'BATCH_TOO_LARGE'
  | 'BATCH_NESTED'
  | 'BATCH_ANSWER_TOO_LARGE'
  | 'BATCH_DEPENDENCY_FAILED'
  | 'BATCH_PART_BROKEN'

/** What a batch, or one of its parts, is answered with when it was not its route that failed. */
export const batchProblems: ProblemKinds<BatchProblemCode> = explainProblems({
  BATCH_MALFORMED: [
    400,
    'The batch cannot be read',
    'a part is not what a part has to be; the detail names which and why',
    'Correct that part; nothing of the batch was run.',
  ],
  BATCH_TOO_LARGE: [
    413,
    'The batch asks for too much',
    'a batch has more parts than it may, or they cost more together',
    'Send several smaller batches; nothing of this one was run.',
  ],
  BATCH_NESTED: [
    400,
    'A batch cannot be a part of a batch',
    'a part of a batch asks for a batch',
    'Put the inner parts into the outer batch.',
  ],
  BATCH_ANSWER_TOO_LARGE: [
    422,
    'The answers of the batch are too large',
    'the bodies of the parts are larger than a batch may answer, from this part on',
    'Ask for this part in a request of its own, or for the batch as `application/x-ndjson`.',
  ],
  BATCH_DEPENDENCY_FAILED: [
    424,
    'A part that this part depends on has failed',
    'a part named in `dependsOn` was answered with 400 or more, so that this one was not run',
    'Look at the answer of the part that `dependsOn` names.',
  ],
  BATCH_PART_BROKEN: [
    502,
    'The answer of the part broke off',
    'the route of a part failed after its answer had begun',
    'Report the `x-request-id` of the batch; what the part has done is unknown unless it had an idempotency key.',
  ],
})

/** The part did not end while the batch could wait for it. The same code as that of any late request. */
export const lateProblem = {
  code: 'DEADLINE_EXCEEDED',
  status: 504,
  title: 'The work took longer than its deadline',
} as const
