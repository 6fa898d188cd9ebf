import { explainProblems, type ProblemKinds } from '../../../kernel/index.ts'

/** What routes that enqueue can answer when jobs wait for too long. */
export const pressureProblems: ProblemKinds<'TIER_OVERLOADED' | 'TENANT_BACKLOG'> = explainProblems({
  TIER_OVERLOADED: [
    503,
    'Work of this kind is delayed',
    'jobs of the tier wait for longer than it promises, whosever they are',
    'Try again after `Retry-After`; if it lasts, add workers to the tier.',
  ],
  TENANT_BACKLOG: [
    429,
    'Too much of your work waits already',
    "the tenant's own jobs would keep the tier's workers busy for longer than it promises, even if they had them alone",
    'Try again after `Retry-After`; send less at once.',
  ],
})
