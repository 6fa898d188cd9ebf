import type pg from 'pg'
import { SettingError } from '../../kernel/index.ts'
import { targetOf } from './target.ts'

const wishes = ['any', 'primary', 'read-write'] as const

/** Which of several servers will do. */
type Wish = (typeof wishes)[number]

const questions: Readonly<Record<Exclude<Wish, 'any'>, string>> = {
  primary: 'SELECT NOT pg_is_in_recovery() AS fits',
  'read-write': "SELECT current_setting('transaction_read_only') = 'off' AS fits",
}

/**
 * The servers of a URL that names several, as libpq takes it: `postgres://user@one,two:5433/shop`, with
 * `target_session_attrs=primary` or `read-write` where only the one that writes will do. `pg` itself knows one host.
 *
 * Connections go to the one that served last; when it cannot be reached, or does not fit any more, the attempt fails and
 * the next one goes to the next server.
 *
 * @see https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
 */
export class Hosts {
  /** A URL for each. */
  readonly urls: readonly string[]
  /** For messages, without credentials. */
  readonly target: string
  readonly #wish: Wish
  #at = 0

  /** @throws SettingError for a wrong URL; it does not repeat it */
  constructor (url: string, setting: string) {
    const [, login = '', hosts = '', rest = ''] = severalHosts.exec(url) ?? []
    const urls = hosts === '' ? [url] : hosts.split(',').map((host) => `${login}${host}${rest}`)
    this.target = urls.map((each) => targetOf(each, setting)).join(', ')
    this.#wish = wishOf(urls[0]!, setting)
    this.urls = urls.map(withoutWish)
  }

  /** Whether `pg` could do without. */
  get isPlain (): boolean {
    return this.urls.length === 1 && this.#wish === 'any'
  }

  get current (): string {
    return this.urls[this.#at]!
  }

  /** The next attempts go to the next server, unless they do already. */
  leave (url: string): void {
    if (url === this.current) this.#at = (this.#at + 1) % this.urls.length
  }

  /** @returns SQL whose `fits` tells whether a server will do; `undefined` when any does */
  get question (): string | undefined {
    return this.#wish === 'any' ? undefined : questions[this.#wish]
  }
}

const severalHosts = /^(postgres(?:ql)?:\/\/(?:[^@/?]*@)?)([^/?@]*,[^/?@]*)((?:[/?].*)?)$/

const attribute = 'target_session_attrs'

function wishOf (url: string, setting: string): Wish {
  const given = new URL(url).searchParams.get(attribute) ?? 'any'
  const wish = wishes.find((each) => each === given)
  if (wish === undefined)
    throw new SettingError(setting, `a URL with ${attribute} ${wishes.join(', ')}`, given)
  return wish
}

function withoutWish (url: string): string {
  const parsed = new URL(url)
  if (!parsed.searchParams.has(attribute)) return url
  parsed.searchParams.delete(attribute)
  return parsed.href
}

/**
 * The class of clients that find their server themselves.
 *
 * @param urlOf what is sent along with each connection may depend on the service
 */
export function clientFor (
  Client: typeof pg.Client,
  hosts: Hosts,
  urlOf: (url: string) => string
): typeof pg.Client {
  return class HostClient extends Client {
    readonly #url: string = hosts.current

    constructor (config: pg.ClientConfig) {
      super({ ...config, connectionString: urlOf(hosts.current) })
    }

    override connect (): Promise<HostClient>
    override connect (callback: (error: Error) => void): void
    override connect (callback?: (error: Error) => void): Promise<HostClient> | void {
      const connected = this.#find()
      if (callback === undefined) return connected
      const answer = callback as (error?: Error) => void
      connected.then(() => setImmediate(answer), (error: Error) => setImmediate(answer, error))
    }

    async #find (): Promise<this> {
      try {
        await super.connect()
        const { question } = hosts
        if (question === undefined) return this
        const { rows: [row] } = await super.query<{ fits: boolean }>(question)
        if (row?.fits === true) return this
        await super.end()
        throw new Error('the server is a standby, or only reads')
      } catch (error) {
        hosts.leave(this.#url)
        throw error
      }
    }
  }
}
