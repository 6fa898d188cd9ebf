/** What the brokers said, as the client hands it on: errors in errors. */
const unfit: ReadonlySet<unknown> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
])
const noTopic: ReadonlySet<unknown> = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION'])

/**
 * 'unfit': a message of the batch is what is not taken; 'no topic': there is none, and the brokers do not make it;
 * 'later': anything else may pass.
 */
export function whyRefused (error: unknown): 'unfit' | 'no topic' | 'later' {
  const said = protocolErrorsOf(error)
  if (said.some((name) => unfit.has(name))) return 'unfit'
  return said.some((name) => noTopic.has(name)) ? 'no topic' : 'later'
}

/** In one line, the innermost first. */
export function explainRefusal (error: unknown): string {
  const names = protocolErrorsOf(error).filter((name) => typeof name === 'string')
  const texts = errorsIn(error).flatMap((one) => one instanceof Error ? [one.message] : [])
  return [...new Set([...names, texts.at(-1) ?? String(error)])].join(': ')
}

function protocolErrorsOf (error: unknown): readonly unknown[] {
  return errorsIn(error).flatMap((one) => one instanceof Error && 'apiId' in one ? [one.apiId] : [])
}

function errorsIn (error: unknown): readonly unknown[] {
  const inside = error instanceof AggregateError ? error.errors : []
  const cause = error instanceof Error && error.cause !== undefined ? [error.cause] : []
  return [error, ...[...inside, ...cause].flatMap(errorsIn)]
}
