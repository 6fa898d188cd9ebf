import { SettingError } from '../../../kernel/index.ts'

export interface VarnishVclOptions {
  /** Where the service listens. */
  readonly backend: VarnishBackend
  /** Who may purge: addresses or networks, e.g. `10.0.0.0/8`. @default the machine itself */
  readonly purgers?: readonly string[]
  /** What a purge must show as well, where addresses alone do not tell. It stands in the VCL. @default none */
  readonly purgeToken?: string
  /**
   * Patterns of public routes, e.g. `/products/:id`: requests for them lose their cookies on the way in, so that they
   * are cached for everyone. All other requests with cookies or credentials go through to the origin.
   * @default none
   */
  readonly publicRoutes?: readonly string[]
  /**
   * Request headers that become part of the key, e.g. `x-tenant`. Only a request from {@link VarnishVclOptions.trusted}
   * may carry them; from others they are taken away. @default none
   */
  readonly keyHeaders?: readonly string[]
  /** Who may set the key headers: what authenticates callers before Varnish. @default nobody */
  readonly trusted?: readonly string[]
  /** Languages that the service has; `Accept-Language` becomes one of them, the first one where none fits. @default left as it is */
  readonly locales?: readonly string[]
  /** How long a failing origin is left alone between health checks, in seconds; 0 for no checks. @default 0 */
  readonly probeSeconds?: number
  /** What health checks ask for. @default '/healthz' */
  readonly probePath?: string
}

export interface VarnishBackend {
  /** A name or an address. */
  readonly host: string
  readonly port: number
}

/** @throws SettingError for anything that could not stand in a VCL as what it is */
export function checkVclOptions (options: VarnishVclOptions): void {
  const { backend: { host, port }, purgers = [], trusted = [], keyHeaders = [], locales = [] } = options
  const { purgeToken, publicRoutes = [], probeSeconds = 0, probePath = '/' } = options
  const check = (ok: boolean, setting: string, rule: string, value: unknown): void => {
    if (!ok) throw new SettingError(`varnish.${setting}`, rule, value)
  }
  check(/^[\w.:-]{1,253}$/.test(host), 'backend.host', 'a name or an address', host)
  check(Number.isInteger(port) && port > 0 && port < 65_536, 'backend.port', 'a port', port)
  for (const [setting, networks] of [['purgers', purgers], ['trusted', trusted]] as const) {
    for (const network of networks) {
      check(
        /^[\da-f:.]{2,45}(\/\d{1,3})?$/i.test(network),
        setting,
        'addresses or networks such as "10.0.0.0/8"',
        network
      )
    }
  }
  for (const name of keyHeaders) check(/^[a-z][a-z\d-]*$/i.test(name), 'keyHeaders', 'names of headers', name)
  for (const locale of locales) {
    check(
      /^[a-z]{2,8}(-[a-z\d]{1,8})*$/i.test(locale),
      'locales',
      'language tags such as "de" or "de-AT"',
      locale
    )
  }
  for (const route of publicRoutes) {
    check(
      /^(\/(:\w+|[\w.~-]*))+(\/\*)?$|^\/\*$/.test(route),
      'publicRoutes',
      'patterns such as "/products/:id" or "/assets/*"',
      route
    )
  }
  check(
    purgeToken === undefined || /^[\w.~+/=-]{16,256}$/.test(purgeToken),
    'purgeToken',
    '16 to 256 letters, digits or any of _ . ~ + / = -',
    purgeToken === undefined ? undefined : '(hidden)'
  )
  check(purgers.length > 0 || options.purgers === undefined, 'purgers', 'at least one network', purgers)
  check(
    keyHeaders.length === 0 || trusted.length > 0,
    'trusted',
    'at least one network where there are keyHeaders',
    trusted
  )
  check(Number.isFinite(probeSeconds) && probeSeconds >= 0, 'probeSeconds', 'at least 0', probeSeconds)
  check(/^\/[\w./~-]*$/.test(probePath), 'probePath', 'a path', probePath)
}
