/** The admin port could not be opened. It stops the boot. */
export class AdminListenError extends Error {
  override readonly name = 'AdminListenError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code: 'ADMIN_ADDRESS_IN_USE' | 'ADMIN_LISTEN_FAILED'
  readonly host: string
  readonly port: number

  constructor ({ host, port }: { host: string; port: number }, cause: NodeJS.ErrnoException) {
    const inUse = cause.code === 'EADDRINUSE'
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
    super(
      inUse ?
        `admin: ${address} is in use already; choose another address with --admin HOST:PORT, or --admin off` :
        `admin: cannot listen on ${address} (${cause.code ?? cause.message}); choose an address of this ` +
        'machine with --admin HOST:PORT, or --admin off',
      { cause }
    )
    this.code = inUse ? 'ADMIN_ADDRESS_IN_USE' : 'ADMIN_LISTEN_FAILED'
    this.host = host
    this.port = port
  }
}
