/** What a failed connection means and what to do about it, in one sentence to follow "is unavailable:". */
export function explainRedisError (error: unknown): string {
  const said = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ECONNREFUSED') return 'nothing listens there; start Redis or Valkey, or correct host and port'
  if (code === 'ENOTFOUND') return 'the host name does not resolve; correct it or the DNS'
  if (code === 'EAI_AGAIN') return 'the host name does not resolve at the moment; check the DNS'
  if (code === 'ECONNRESET')
    return 'it closed the connection; it may be restarting, or expect TLS (rediss://)'
  if (/^WRONGPASS|invalid password|invalid username-password/i.test(said)) {
    return 'it refused the password of this user; correct user or password'
  }
  if (said.startsWith('NOAUTH'))
    return 'it asks for a password; put it into the URL as redis://:password@host'
  if (said.startsWith('LOADING')) return 'it is loading its data; try again shortly'
  if (code === 'ETIMEDOUT' || /timed? ?out/i.test(said)) {
    return 'it did not answer in time; check host, port and firewall'
  }
  if (typeof code === 'string' && /CERT|SIGNATURE|TLS|SSL/.test(code)) {
    return `its TLS certificate is not trusted (${said}); give its CA in NODE_EXTRA_CA_CERTS`
  }
  return said
}
