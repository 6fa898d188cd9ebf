import { placeOf } from './call-site.ts'
import { NotWatchedError, NPlusOneError, QueryCountError } from './errors.ts'
import { type RecordingOptions, recordStatements } from './recording.ts'

/**
 * Runs `work`, such as a request by `app.inject`, and fails when a unit of it sends one statement again and again.
 * Duplicates with equal parameters do not fail it; {@link recordStatements} tells them.
 *
 * @returns what the work returns
 * @throws NPlusOneError naming the lines; NotWatchedError when no statement was heard, since that proves nothing
 */
export async function expectNoNPlusOne<Result> (
  work: () => Promise<Result> | Result,
  options?: RecordingOptions
): Promise<Result> {
  const { result, statements, findings } = await recordStatements(work, options)
  const repeated = findings.filter(({ kind }) => kind === 'n+1')
  if (repeated.length > 0) throw new NPlusOneError(repeated)
  if (statements.length === 0) throw new NotWatchedError('the work sent no statement that a watch heard')
  return result
}

/**
 * Runs `work` and fails when it sends another number of statements than `expected`. BEGIN, COMMIT and the like do not
 * count.
 *
 * @returns what the work returns
 * @throws QueryCountError with each statement and its line
 */
export async function expectQueryCount<Result> (
  expected: number,
  work: () => Promise<Result> | Result
): Promise<Result> {
  const { result, statements } = await recordStatements(work)
  const queries = statements.filter(({ isQuery }) => isQuery)
  if (queries.length !== expected) {
    const lines = queries.map(({ fingerprint, site }) => `  ${placeOf(site)}: ${fingerprint}`)
    throw new QueryCountError(expected, queries.length, lines)
  }
  return result
}
