import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { SettingError } from '../../../kernel/index.ts'

/** Where connections go; plain data. */
export interface Target {
  /** For the Host header. */
  readonly authority: string
  /** An address, never a name; absent for a UNIX socket. */
  readonly address?: string
  readonly port?: number
  readonly socketPath?: string
  readonly secure: boolean
  /** For TLS: the name that the certificate must hold. */
  readonly hostname: string
}

/**
 * Reads a target, and resolves its name: each connection would ask for it again, on the few threads that Node
 * has for that.
 *
 * @throws SettingError; or the resolver's error, when the name is not known
 */
export async function resolveTarget (text: string, setting = 'targets'): Promise<Target> {
  if (text.startsWith('unix:/')) {
    return {
      authority: 'localhost',
      socketPath: text.slice('unix:'.length),
      secure: false,
      hostname: 'localhost',
    }
  }
  const url = URL.canParse(text) ? new URL(text) : undefined
  const secure = url?.protocol === 'https:'
  if (
    url === undefined || !(secure || url.protocol === 'http:') || url.pathname !== '/' || url.search !== ''
  ) {
    throw new SettingError(setting, 'http://host:port, https://host:port or unix:/path, without a path', text)
  }
  const hostname = url.hostname.replace(/^\[|\]$/g, '')
  return {
    authority: url.host,
    address: isIP(hostname) === 0 ? (await lookup(hostname)).address : hostname,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    secure,
    hostname,
  }
}
