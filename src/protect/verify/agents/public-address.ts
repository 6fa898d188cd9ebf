import ipaddr from 'ipaddr.js'
import { isIP } from 'node:net'

/** All public IPv6 there is; the rest, ::10.0.0.1 among it, is unassigned whatever its name. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

/**
 * Whether an address belongs to the public internet: no loopback, private, link-local (cloud metadata lives
 * there), carrier-grade NAT, multicast, reserved or documentation range, in IPv4, IPv6 or IPv4 inside IPv6.
 * Translation prefixes (NAT64, 6to4, Teredo) are refused too: behind them stands any IPv4 address.
 */
export function isPublicAddress (address: string): boolean {
  // Node's reading, which is strict: ipaddr.js takes 1.2.3 for an address.
  if (isIP(address) === 0 || address.includes('%')) return false
  // `process` makes ::ffff:10.0.0.1 what it is, 10.0.0.1.
  const read = ipaddr.process(address)
  return read.range() === 'unicast' && (read instanceof ipaddr.IPv4 || read.match(globalUnicast))
}
