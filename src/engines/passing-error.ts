/** The network, or a server that is starting, stopping or full. Not a name, a password or a certificate: somebody has to correct these. */
const passing: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EAI_AGAIN',
  // a UNIX socket that its server has yet to make
  'ENOENT',
  // PostgreSQL: too many connections, shutting down, crashed, starting up
  '53300',
  '57P01',
  '57P02',
  '57P03',
])

/** Whether what an engine could not be reached for may pass by itself, so that a later attempt is worth while. */
export function mayPass (error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(mayPass)
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? error.code : undefined
  if (typeof code === 'string') return passing.has(code)
  // Redis says it in words, and so do clients whose patience has ended.
  return error.name === 'TimeoutError' ||
    /^LOADING|tim(?:ed? ?out|eout)|terminated unexpectedly/i.test(error.message)
}
