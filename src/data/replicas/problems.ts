import { explainProblems, type ProblemKinds } from '../../kernel/index.ts'

/** What the pool for reads can answer, besides what the pools behind it do. */
export const replicaProblems: ProblemKinds<'WRITE_ON_READS'> = explainProblems({
  WRITE_ON_READS: [
    500,
    'A write was sent to where only reads go',
    'a handler sends a statement that writes, or locks rows, to `app.reads`',
    'A mistake in the service: send that statement to `app.data`.',
  ],
})
