/**
 * What a failed connection means and what to do about it, in one sentence to follow "is unavailable:".
 *
 * @param error what `pg` or the network rejected with
 */
export function explainConnectError (error: unknown): string {
  const code = codeOf(error)
  const known = code === undefined ? undefined : explanations[code]
  const said = messageOf(error)
  if (known !== undefined) return known
  if (/timeout/i.test(said)) {
    return 'it did not answer in time; check host, port and firewall, or whether all connections are taken'
  }
  if (/does not support SSL/i.test(said)) {
    return 'it does not offer TLS; add ?sslmode=disable to the URL if the way to it is trusted'
  }
  if (code !== undefined && tlsCode.test(code)) {
    return `its TLS certificate is not trusted (${said}); name its CA with ?sslrootcert=FILE, ` +
      'or a host name that the certificate holds'
  }
  return said
}

const tlsCode = /CERT|SIGNATURE|TLS|SSL/

/** @see https://www.postgresql.org/docs/18/errcodes-appendix.html */
const explanations: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; start PostgreSQL or correct host and port',
  ENOENT: 'there is no such socket; start PostgreSQL or correct the socket directory',
  EACCES: 'this user may not open its socket',
  ENOTFOUND: 'the host name does not resolve; correct it or the DNS',
  EAI_AGAIN: 'the host name does not resolve at the moment; check the DNS',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  ETIMEDOUT: 'the host does not answer; check host, port and firewall',
  ECONNRESET: 'it closed the connection; it may be restarting, or expect TLS',
  '28P01': 'it refused the password of this user; correct user or password',
  '28000': 'it refused this user; correct the user, or add ?sslmode=require if its pg_hba.conf asks for TLS',
  '3D000': 'the database does not exist; create it or correct the name in the URL',
  '53300': 'all its connections are taken; lower database.poolSize or raise max_connections',
  '57P03': 'it is starting up or shutting down; try again shortly',
  '57P01': 'it is shutting down',
}

function codeOf (error: unknown): string | undefined {
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

function messageOf (error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0])
  return error instanceof Error ? error.message : String(error)
}
