import { BlockList, isIP, type Socket } from 'node:net'
import { SettingError } from '../../kernel/index.ts'

/** What {@link Edge} reads of a connection. */
export type Peer = Pick<Socket, 'remoteAddress' | 'destroyed'>

/**
 * Whom the service believes what a client could forge: how long it will wait, and how much the request
 * matters. A peer on a UNIX socket is believed too, since the permissions of the socket say who can be one.
 */
export class Edge {
  readonly #networks: BlockList | undefined
  /** Answers by connection: an address does not change while it lasts. */
  readonly #known = new WeakMap<Peer, boolean>()

  /**
   * @param trusted addresses and networks in CIDR notation, IPv4 and IPv6, e.g. `10.0.0.0/8`
   * @throws SettingError when one of them is neither
   */
  constructor (trusted: readonly string[]) {
    if (trusted.length === 0) return
    const networks = new BlockList()
    for (const text of trusted) addNetwork(networks, text)
    this.#networks = networks
  }

  trusts (peer: Peer): boolean {
    // A connection that has gone has no address either, and nobody behind it to believe.
    if (peer.remoteAddress === undefined) return !peer.destroyed
    if (this.#networks === undefined) return false
    const known = this.#known.get(peer)
    if (known !== undefined) return known
    const trusts = this.#find(peer.remoteAddress)
    this.#known.set(peer, trusts)
    return trusts
  }

  #find (address: string): boolean {
    const family = isIP(address)
    return family !== 0 && this.#networks?.check(address, family === 4 ? 'ipv4' : 'ipv6') === true
  }
}

function addNetwork (networks: BlockList, text: string): void {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  const bits = prefix === undefined ? undefined : /^\d+$/.test(prefix) ? Number(prefix) : Number.NaN
  const most = family === 4 ? 32 : 128
  const wrong = family === 0 || rest.length > 0 ||
    (bits !== undefined && !(bits <= most))
  if (wrong) throw new SettingError('trusted', 'IP addresses or networks such as "10.0.0.0/8"', text)
  const type = family === 4 ? 'ipv4' : 'ipv6'
  if (bits === undefined) networks.addAddress(address, type)
  else networks.addSubnet(address, bits, type)
}
