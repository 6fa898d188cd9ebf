/** How the clients connect. */
export interface Mode {
  readonly name: string
  readonly tls: boolean
  readonly connectAnew: boolean
}

export const modes: readonly Mode[] = [
  { name: 'new connections', tls: false, connectAnew: true },
  { name: 'keep-alive', tls: false, connectAnew: false },
  { name: 'TLS, new connections', tls: true, connectAnew: true },
  { name: 'TLS, keep-alive', tls: true, connectAnew: false },
]
