import { SettingError } from '../../kernel/index.ts'

const rule = 'a PostgreSQL URL such as postgres://user:password@host:5432/database'

/**
 * Where a PostgreSQL URL points, without credentials: `host:port/database` or
 * `socket-directory:port/database`.
 *
 * @throws SettingError when it is not such a URL; the error does not repeat it, since it may hold a
 *   password
 */
export function targetOf (url: string, setting: string): string {
  if (!URL.canParse(url)) throw new SettingError(setting, rule, 'text that is not a URL')
  const { protocol, hostname, port, pathname, searchParams, username } = new URL(url)
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') {
    throw new SettingError(setting, rule, `a URL that starts with ${protocol}//`)
  }
  const host = searchParams.get('host') ?? (hostname === '' ? 'localhost' : hostname)
  const database = pathname.length > 1 ? decodeURIComponent(pathname.slice(1)) : decodeURIComponent(username)
  return `${host}:${port === '' ? '5432' : port}/${database}`
}
