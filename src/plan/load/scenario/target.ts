import { SettingError } from '../../../kernel/index.ts'

/** Where requests go. */
export interface Target {
  /** `http://127.0.0.1:3000` */
  readonly origin: string
  /** Put before every step's path, without a slash at its end; empty for none. */
  readonly basePath: string
  /** As a URL writes it, brackets around IPv6 included. */
  readonly hostname: string
  readonly port: number
  readonly secure: boolean
}

/**
 * Reads where a load test goes.
 *
 * @throws SettingError when it is no http or https URL, or holds a user or a fragment
 */
export function parseTarget (value: unknown, setting = 'target'): Target {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url === undefined || !isHttp || url.username !== '' || url.password !== '' || url.search !== '') {
    throw new SettingError(setting, 'a URL such as "http://127.0.0.1:3000", without a user or a query', value)
  }
  const secure = url.protocol === 'https:'
  return {
    origin: url.origin,
    basePath: url.pathname.replace(/\/+$/, ''),
    hostname: url.hostname,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    secure,
  }
}

/** Whether a host is this machine by its name alone; no name but `localhost` is looked up. */
export function isLoopback (hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  return bare === 'localhost' || bare.endsWith('.localhost') || bare === '::1' ||
    /^127(?:\.\d{1,3}){3}$/.test(bare) || /^::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}$/.test(bare)
}
