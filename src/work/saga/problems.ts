import { explainProblems, type ProblemKinds } from '../../kernel/index.ts'

/** What asking for a saga can be answered with. */
export const sagaProblems: ProblemKinds<'SAGA_NOT_FOUND' | 'SAGA_CONFLICT' | 'SAGA_SIGNAL_INVALID'> =
  explainProblems({
    SAGA_NOT_FOUND: [
      404,
      'There is no such saga',
      'the saga that was named has never been started, or has ended so long ago that it is forgotten',
      'Look it up with `plimsoll saga list`.',
    ],
    SAGA_CONFLICT: [
      409,
      'The saga does not stand so that this can be done',
      'it was cancelled behind its point of no return, resumed while it was not parked, or signalled after its end',
      'Look at it with `plimsoll saga show`; the detail says what stands in the way.',
    ],
    SAGA_SIGNAL_INVALID: [
      422,
      'The saga cannot make anything of this signal',
      'no step of the saga waits for a signal of this name, or the payload does not fit its schema',
      'Send a signal that its definition names, with a payload that fits.',
    ],
  })
