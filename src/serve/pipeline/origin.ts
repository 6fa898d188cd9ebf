let lastProtocol = ''
let lastHost = ''
let lastOrigin = '://'

/** Scheme and authority in one text: the same text, not one like it, for as long as they stay the same. */
export function originOf (protocol: string, host: string): string {
  if (host === lastHost && protocol === lastProtocol) return lastOrigin
  lastProtocol = protocol
  lastHost = host
  lastOrigin = `${protocol}://${host}`
  return lastOrigin
}
