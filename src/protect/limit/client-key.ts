/**
 * The key of a client's address, so that one client is one key: IPv6 by its /64 (a household has that many
 * addresses), IPv4-mapped IPv6 as IPv4, without a zone id, in lower case, whatever way it was written.
 *
 * It never fails: text that is no address is its own key.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4291#section-2.2 text representation of addresses
 */
export function clientKey (address: string): string {
  return address.includes(':') ? keyOfIpv6(address) : address
}

const colon = 0x3a
const dot = 0x2e
const percent = 0x25

// Groups of the address being read: it is read within one call, so one array serves all.
const groups = new Uint16Array(8)

function keyOfIpv6 (address: string): string {
  const ipv4From = readGroups(address)
  if (ipv4From === undefined) return address
  const [g0, g1, g2, g3, g4, g5, g6, g7] = groups as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const mapped = (g0 | g1 | g2 | g3 | g4) === 0 && g5 === 0xffff
  if (mapped) return `${g6 >> 8}.${g6 & 255}.${g7 >> 8}.${g7 & 255}`
  return `${g0.toString(16)}:${g1.toString(16)}:${g2.toString(16)}:${g3.toString(16)}::/64`
}

/** Fills `groups`; `undefined` when the text is no IPv6 address. Otherwise where its text ends. */
function readGroups (address: string): number | undefined {
  const { length } = address
  groups.fill(0)
  let count = 0
  let gapAt = -1
  let at = 0
  if (address.startsWith('::')) {
    gapAt = 0
    at = 2
  }
  while (at < length && address.charCodeAt(at) !== percent) {
    if (count === 8) return undefined
    const start = at
    let value = 0
    for (; at < length && at - start < 4; at++) {
      const digit = hexDigit(address.charCodeAt(at))
      if (digit < 0) break
      value = value << 4 | digit
    }
    const next = at < length ? address.charCodeAt(at) : percent
    if (next === dot) {
      const end = readIpv4(address, start, count)
      if (end === undefined) return undefined
      count += 2
      at = end
      break
    }
    if (at === start) return undefined
    groups[count++] = value
    if (next === percent) break
    if (next !== colon) return undefined
    at++
    if (address.charCodeAt(at) === colon) {
      if (gapAt >= 0) return undefined
      gapAt = count
      at++
    } else if (at === length || address.charCodeAt(at) === percent) {
      return undefined // a lone colon at the end
    }
  }
  if (gapAt < 0) return count === 8 ? at : undefined
  if (count === 8) return undefined
  // What stands behind the gap moves to the end.
  groups.copyWithin(8 - (count - gapAt), gapAt, count)
  groups.fill(0, gapAt, 8 - (count - gapAt))
  return at
}

/** Reads the dotted end of an address into two groups; answers where it ends. */
function readIpv4 (address: string, start: number, count: number): number | undefined {
  if (count > 6) return undefined
  let at = start
  for (let part = 0; part < 4; part++) {
    if (part > 0 && address.charCodeAt(at++) !== dot) return undefined
    const from = at
    let value = 0
    for (; at - from < 3; at++) {
      const digit = address.charCodeAt(at) - 0x30
      if (!(digit >= 0 && digit <= 9)) break
      value = value * 10 + digit
    }
    if (at === from || value > 255) return undefined
    const group = count + (part >> 1)
    groups[group] = part % 2 === 0 ? value << 8 : (groups[group] ?? 0) | value
  }
  return at === address.length || address.charCodeAt(at) === percent ? at : undefined
}

function hexDigit (code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
