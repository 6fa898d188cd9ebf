/**
 * What a failed connection means and what to do about it, as far as the operating system or TLS says it; to follow
 * "is unavailable:".
 *
 * @param engine the name that people use, e.g. `RabbitMQ`
 * @returns undefined where the error says nothing of the kind
 */
export function explainSocketError (engine: string, error: unknown): string | undefined {
  const said = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const is = (name: string): boolean => code === name || said.includes(name)
  if (is('ECONNREFUSED')) return `nothing listens there; start ${engine}, or correct host and port`
  if (is('ENOTFOUND')) return 'the host name does not resolve; correct it or the DNS'
  if (is('EAI_AGAIN')) return 'the host name does not resolve at the moment; check the DNS'
  if (is('ECONNRESET') || is('EPIPE')) return 'it closed the connection; it may be restarting, or expect TLS'
  if (is('ETIMEDOUT')) return 'it did not answer in time; check host, port and firewall'
  if (typeof code === 'string' && /CERT|SIGNATURE|TLS|SSL/.test(code)) {
    return `its TLS certificate is not trusted (${said}); give its CA in NODE_EXTRA_CA_CERTS`
  }
  return undefined
}
