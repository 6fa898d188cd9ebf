import { type ExplainedProblemKind, explainProblems } from '../../kernel/index.ts'

export type LimitProblemCode =
  | 'LIMIT_EXCEEDED'
  | 'QUOTA_EXCEEDED'
  | 'CONCURRENCY_LIMIT_EXCEEDED'
  | 'LIMIT_UNDECIDED'

/** What a limited request is answered with; `rule` in the document names the rule. */
export const limitProblems: Readonly<Record<LimitProblemCode, ExplainedProblemKind>> = explainProblems({
  LIMIT_EXCEEDED: [
    429,
    'Too many requests',
    'the caller is over a rate that the route or its plan allows; `rule` names which',
    'Wait as long as `Retry-After` says, then try again; keep to the rate in `RateLimit-Policy`.',
  ],
  QUOTA_EXCEEDED: [
    429,
    'The quota is used up',
    'the caller has made all requests that its day or month allows; `rule` names the quota',
    'Wait for the next period, which starts after `Retry-After`, or ask for a larger quota.',
  ],
  CONCURRENCY_LIMIT_EXCEEDED: [
    429,
    'Too many requests at once',
    'as many requests of the caller are under way as the route or its plan allows at once',
    'Wait for an answer before sending the next request; `Retry-After` is a guess.',
  ],
  LIMIT_UNDECIDED: [
    503,
    'The limit cannot be checked',
    "the store of a limit cannot be reached, and the rule says to refuse then (`whenStoreFails: 'closed'`)",
    "Try again after `Retry-After`; the service's team finds the cause under the health check of the store.",
  ],
})
