import { SettingError } from '../../kernel/index.ts'

/** Where servers of one cluster are, and as whom they are entered. */
export interface NatsTarget {
  /** `host:port` of each. */
  readonly servers: readonly string[]
  readonly user?: string
  readonly pass?: string
  readonly token?: string
  /** One of the URLs asks for TLS. */
  readonly tls: boolean
}

const rule = 'a NATS URL such as nats://user:password@host:4222 or tls://token@host:4222'

/**
 * Reads URLs of one cluster. Credentials may stand in any of them; the first that has some counts.
 *
 * @throws SettingError for a wrong URL; it never repeats the URL, which may hold a password
 */
export function readNatsTarget (url: string | readonly string[]): NatsTarget {
  const urls = (typeof url === 'string' ? [url] : url).map(parse)
  if (urls.length === 0) throw new SettingError('nats.url', rule, 'no URL')
  const entered = urls.find(({ username }) => username !== '')
  const user = entered === undefined ? undefined : decodeURIComponent(entered.username)
  const pass = entered === undefined ? undefined : decodeURIComponent(entered.password)
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port === '' ? '4222' : port}`),
    tls: urls.some(({ protocol }) => protocol === 'tls:'),
    ...(user === undefined ? {} : pass === '' ? { token: user } : { user, pass: pass ?? '' }),
  }
}

function parse (url: string): URL {
  if (!URL.canParse(url)) throw new SettingError('nats.url', rule, 'text that is not a URL')
  const parsed = new URL(url)
  if (parsed.protocol !== 'nats:' && parsed.protocol !== 'tls:') {
    throw new SettingError('nats.url', rule, `a URL that starts with ${parsed.protocol}//`)
  }
  if (parsed.hostname === '') throw new SettingError('nats.url', rule, 'a URL without a host')
  return parsed
}
