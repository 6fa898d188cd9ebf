import { explainProblems, type ProblemKinds } from '../../kernel/index.ts'

/** What the pool can answer, besides DEADLINE_EXCEEDED. */
export const poolProblems: ProblemKinds<'DATABASE_BUSY' | 'DATABASE_LINE_FULL' | 'DATABASE_LOST'> =
  explainProblems({
    DATABASE_BUSY: [
      503,
      'All database connections are in use',
      'no connection of the pool became free within `database.wait`',
      'Try again later; if it lasts, hold connections for shorter or raise `database.poolSize`.',
    ],
    DATABASE_LINE_FULL: [
      503,
      'Too many wait for a database connection',
      'as many requests as the line holds were waiting for a connection of the pool',
      'Try again later; if it lasts, admit fewer requests at once or raise `database.poolSize`.',
    ],
    DATABASE_LOST: [
      503,
      'The connection to the database broke',
      'the database closed the connection, or could not be reached, while the request needed it',
      'Try again; the effects of a write are unknown unless it carried an idempotency key.',
    ],
  })
