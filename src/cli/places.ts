import { relative, resolve } from 'node:path'
import { apiDocumentPath, apiPagePath } from '../serve/service/index.ts'
import { type Address, parseAddress, redactUrl, type Settings } from '../serve/settings/index.ts'
import type { Surroundings } from './surroundings.ts'

/** Where things are once a service runs. */
export interface Places {
  /** Where it listens, as `HOST:PORT` or `unix:PATH`. */
  readonly addresses: readonly string[]
  readonly admin?: { readonly host: string; readonly port: number }
  readonly settings: Settings
  /** The embedded database's; empty when it is not used. */
  readonly dataDirectory: string
}

/** Names and places, in the order to show them. */
export function placesOf (
  { addresses, admin, settings, dataDirectory }: Places,
  { directory }: Pick<Surroundings, 'directory'>
): [name: string, place: string][] {
  const scheme = settings.tls.key === undefined ? 'http' : 'https'
  const urls = addresses.map((address) => urlOf(parseAddress(address), scheme) ?? address)
  const first = urls.find((url) => url.startsWith('http'))
  const rows: [string, string][] = urls.map((url) => ['API', url])
  if (first !== undefined && settings.openapi.page) {
    rows.push(['API page', first + apiPagePath], ['OpenAPI', first + apiDocumentPath])
  }
  if (admin !== undefined) {
    const base = urlOf({ kind: 'tcp', host: admin.host, port: admin.port }, 'http') ?? ''
    rows.push(['metrics', `${base}/metrics`], ['health', `${base}/readyz`])
  }
  const { url } = settings.database
  // The embedded database is the developer's own, so its password may be shown; no other may.
  if (dataDirectory !== '' && url !== undefined) {
    rows.push(['SQL', `psql '${url}'`], ['data', pathFrom(directory, dataDirectory)])
  } else if (url !== undefined && url !== 'embedded') {
    rows.push(['database', redactUrl(url)])
  }
  return rows
}

/** A host that stands for every interface is reached as this machine. */
function urlOf (address: Address | undefined, scheme: string): string | undefined {
  if (address?.kind !== 'tcp') return undefined
  const host = ['0.0.0.0', '::', '127.0.0.1', '::1'].includes(address.host) ? 'localhost' : address.host
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${address.port}`
}

/** As short as can be: relative, unless it leads out of the directory. */
export function pathFrom (directory: string, path: string): string {
  const whole = resolve(directory, path)
  const short = relative(directory, whole)
  return short === '' || short.startsWith('..') ? whole : short
}
