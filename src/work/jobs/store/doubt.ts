/**
 * Whether a statement failed for the state of the connection or of the server, so that another try may succeed, and
 * nobody knows whether it took effect. What PostgreSQL refused for what it says would be refused again.
 *
 * @see https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
export function isInDoubt (error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return true
  // Connections, shutting down and starting up, too many of them, serialization failures and deadlocks.
  return /^(?:08|57P|53|40)/.test(code)
}
