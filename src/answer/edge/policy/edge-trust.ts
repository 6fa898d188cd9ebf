import { createHash, timingSafeEqual } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import { SettingError } from '../../../kernel/index.ts'
import { headerNames } from './options.ts'

/** How an edge that may see the headers for edges is told from everybody else; one of both is enough. */
export interface EdgeTrustOptions {
  /** Addresses or networks that edges connect from, e.g. `10.0.0.0/8`. @default none */
  readonly addresses?: readonly string[]
  /** A header that only edges know, e.g. one that the CDN is configured to add. Never shown. @default none */
  readonly header?: { readonly name: string; readonly secret: string }
}

/** @param address the peer's own, not one that a header names */
export type IsTrustedEdge = (
  address: string | undefined,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>
) => boolean

/** @throws SettingError; without addresses and header too, since then nobody would be an edge */
export function edgeTrust ({ addresses = [], header }: EdgeTrustOptions): IsTrustedEdge {
  if (addresses.length === 0 && header === undefined) {
    throw new SettingError('edge.trusted', 'addresses, a header, or both', { addresses })
  }
  const networks = networksOf(addresses)
  const [name] = headerNames('edge.trusted.header.name', header === undefined ? [] : [header.name])
  if (header !== undefined && !(typeof header.secret === 'string' && header.secret.length >= 16)) {
    throw new SettingError('edge.trusted.header.secret', 'at least 16 characters', '(hidden)')
  }
  const secret = digest(header?.secret ?? '')
  return (address, headers) => {
    const shown = name === undefined ? undefined : headers[name]
    if (typeof shown === 'string' && timingSafeEqual(digest(shown), secret)) return true
    const family = isIP(address ?? '')
    return family !== 0 && networks.check(address ?? '', family === 4 ? 'ipv4' : 'ipv6')
  }
}

function networksOf (addresses: readonly string[]): BlockList {
  const networks = new BlockList()
  for (const text of addresses) {
    const [address = '', bits, ...rest] = String(text).split('/')
    const family = isIP(address)
    const most = family === 4 ? 32 : 128
    const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : NaN
    if (family === 0 || rest.length > 0 || !(prefix <= most)) {
      throw new SettingError('edge.trusted.addresses', 'addresses or networks such as "10.0.0.0/8"', text)
    }
    networks.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6')
  }
  return networks
}

/** Of one length whatever is compared. */
function digest (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
