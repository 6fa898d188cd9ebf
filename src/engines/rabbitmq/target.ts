import type { Options } from 'amqplib'
import { SettingError } from '../../kernel/index.ts'

/** A server and how it is entered. */
export interface RabbitmqTarget {
  /** Host, port and virtual host, without credentials. */
  readonly name: string
  readonly connect: Options.Connect
}

const rule = 'an AMQP URL such as amqp://user:password@host:5672/vhost'

/**
 * Reads the URLs of one cluster.
 *
 * @throws SettingError for a wrong URL; it never repeats the URL, which may hold a password
 */
export function readRabbitmqTargets (url: string | readonly string[]): readonly RabbitmqTarget[] {
  const urls = typeof url === 'string' ? [url] : url
  if (urls.length === 0) throw new SettingError('rabbitmq.url', rule, 'no URL')
  return urls.map(readTarget)
}

function readTarget (url: string): RabbitmqTarget {
  if (!URL.canParse(url)) throw new SettingError('rabbitmq.url', rule, 'text that is not a URL')
  const { protocol, hostname, port, username, password, pathname } = new URL(url)
  if (protocol !== 'amqp:' && protocol !== 'amqps:') {
    throw new SettingError('rabbitmq.url', rule, `a URL that starts with ${protocol}//`)
  }
  if (hostname === '') throw new SettingError('rabbitmq.url', rule, 'a URL without a host')
  const number = port === '' ? (protocol === 'amqp:' ? 5672 : 5671) : Number(port)
  const vhost = pathname === '' || pathname === '/' ? '/' : decodeURIComponent(pathname.slice(1))
  return {
    name: `${hostname}:${number}${vhost === '/' ? '' : `/${vhost}`}`,
    connect: {
      protocol: protocol.slice(0, -1),
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port: number,
      vhost,
      username: username === '' ? 'guest' : decodeURIComponent(username),
      password: password === '' ? 'guest' : decodeURIComponent(password),
    },
  }
}
