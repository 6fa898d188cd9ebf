import { explainProblems, type ProblemKinds } from '../../kernel/index.ts'

/** What a refused request is answered with; the reason stands in the document. */
export const admissionProblems: ProblemKinds<'OVERLOADED'> = explainProblems({
  OVERLOADED: [
    503,
    'Too much to do at this moment',
    'more requests arrive than the service can carry, and this one is among those that it can spare; ' +
    'the member `reason` says why this one',
    'Wait for as long as Retry-After says, then try again; send fewer requests at once.',
  ],
})
