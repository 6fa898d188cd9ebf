import { explainSocketError } from '../explain-socket-error.ts'

/** What a failed connection means and what to do about it, in one sentence to follow "is unavailable:". */
export function explainKafkaError (error: unknown): string {
  const all = causesOf(error)
  const socket = all.map((one) => explainSocketError('Kafka', one)).find((text) => text !== undefined)
  if (socket !== undefined) return socket
  const texts = all.map((one) => one instanceof Error ? one.message : String(one))
  if (
    all.some((one) => codeOf(one) === 'PLT_KFK_AUTHENTICATION') ||
    texts.some((text) => /SASL|authent/i.test(text))
  ) {
    return 'it refused user, password or token; correct them, or the SASL mechanism'
  }
  if (texts.some((text) => /timed? ?out/i.test(text))) {
    return 'it did not answer in time; check host, port and firewall'
  }
  return texts.at(-1) ?? 'it failed without saying why'
}

/** The error and all that it was caused by, the outermost first. */
function causesOf (error: unknown): readonly unknown[] {
  const inside = error instanceof AggregateError ? error.errors : []
  const cause = error instanceof Error && error.cause !== undefined ? [error.cause] : []
  return [error, ...[...inside, ...cause].flatMap(causesOf)]
}

function codeOf (error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
