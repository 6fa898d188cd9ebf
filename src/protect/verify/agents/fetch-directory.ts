import { lookup as dnsLookup } from 'node:dns/promises'
import type { IncomingMessage } from 'node:http'
import { request, type RequestOptions } from 'node:https'
import type { LookupFunction } from 'node:net'
import { type Clock, systemClock } from '../../../kernel/index.ts'
import { isPublicAddress } from './public-address.ts'

/** What became of one fetch, for metrics; `fetched` does not say yet that the document is a key set. */
export type FetchOutcome =
  | 'fetched'
  | 'unreachable'
  | 'timeout'
  | 'refused-address'
  | 'refused-status'
  | 'refused-type'
  | 'too-large'

export interface FetchedDirectory {
  readonly outcome: 'fetched'
  readonly text: string
  readonly cacheControl: string | undefined
}

export type DirectoryFetch = FetchedDirectory | { readonly outcome: Exclude<FetchOutcome, 'fetched'> }

export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/** What bounds a fetch from a host that a stranger has named. */
export interface FetchBounds {
  /** Of the whole fetch, name and handshake included, in milliseconds. */
  readonly timeoutMs: number
  readonly maxBytes: number
  /** All addresses of a name. @default the system's resolver */
  readonly resolve?: (hostname: string) => Promise<readonly ResolvedAddress[]>
  /** Whether an address may be connected to. @default public addresses only */
  readonly isAllowed?: (address: string) => boolean
  /** @default 443 */
  readonly port?: number
  /** Certificates that are trusted, PEM. @default those of Node */
  readonly ca?: string
  readonly clock?: Clock
}

export const directoryPath = '/.well-known/http-message-signatures-directory'
export const directoryType = 'application/http-message-signatures-directory+json'

class RefusedAddressError extends Error {
  override readonly name = 'RefusedAddressError'
}

/**
 * Fetches the key directory of an agent.
 *
 * The name is resolved once, here: every address that it has must be allowed, and the connection goes to one of
 * those that were checked, so that a second answer of the name server is never asked for (DNS rebinding). No
 * redirect is followed, no coding is undone, no cookie or credential is sent. It never rejects.
 *
 * @param origin `https://` and a name
 */
export async function fetchDirectory (origin: string, bounds: FetchBounds): Promise<DirectoryFetch> {
  const { clock = systemClock, timeoutMs } = bounds
  const late = new AbortController()
  const cancel = clock.after(timeoutMs, () => late.abort())
  try {
    const response = await headOf(origin, bounds, late.signal)
    try {
      return await readResponse(response, bounds.maxBytes)
    } finally {
      response.destroy()
    }
  } catch (error) {
    if (late.signal.aborted) return { outcome: 'timeout' }
    return { outcome: error instanceof RefusedAddressError ? 'refused-address' : 'unreachable' }
  } finally {
    cancel()
  }
}

function headOf (origin: string, bounds: FetchBounds, signal: AbortSignal): Promise<IncomingMessage> {
  const { hostname } = new URL(origin)
  const options: RequestOptions = {
    host: hostname,
    port: bounds.port ?? 443,
    path: directoryPath,
    method: 'GET',
    headers: {
      'host': hostname,
      'accept': directoryType,
      'accept-encoding': 'identity',
      'user-agent': 'plimsoll',
    },
    agent: false, // a connection of its own, which nobody finds again
    lookup: checkedLookup(bounds),
    servername: hostname,
    signal,
    ...(bounds.ca === undefined ? {} : { ca: bounds.ca }),
  }
  return new Promise((resolve, reject) => {
    const sent = request(options, resolve)
    sent.on('error', reject)
    sent.end()
  })
}

function checkedLookup (bounds: FetchBounds): LookupFunction {
  return (hostname, options, done) => {
    void answer()
    async function answer (): Promise<void> {
      let addresses: readonly [ResolvedAddress, ...ResolvedAddress[]]
      try {
        addresses = await allowedAddresses(hostname, bounds)
      } catch (error) {
        return done(error instanceof Error ? error : new Error(String(error)), '', 0)
      }
      if (options.all === true) done(null, [...addresses])
      else done(null, addresses[0].address, addresses[0].family)
    }
  }
}

async function allowedAddresses (
  hostname: string,
  { resolve = resolveAll, isAllowed = isPublicAddress }: FetchBounds
): Promise<readonly [ResolvedAddress, ...ResolvedAddress[]]> {
  const [first, ...more] = await resolve(hostname)
  const refused = first === undefined ?
    undefined :
    [first, ...more].find(({ address }) => !isAllowed(address))
  if (first === undefined || refused !== undefined) {
    throw new RefusedAddressError(
      `${hostname} is at ${refused?.address ?? 'no address'}, which is not public`
    )
  }
  return [first, ...more]
}

function resolveAll (hostname: string): Promise<readonly ResolvedAddress[]> {
  return dnsLookup(hostname, { all: true })
}

async function readResponse (response: IncomingMessage, maxBytes: number): Promise<DirectoryFetch> {
  const { statusCode, headers } = response
  if (statusCode !== 200) return { outcome: 'refused-status' }
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== directoryType || headers['content-encoding'] !== undefined) return { outcome: 'refused-type' }
  if (Number(headers['content-length'] ?? 0) > maxBytes) return { outcome: 'too-large' }
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) return { outcome: 'too-large' }
    chunks.push(chunk)
  }
  return {
    outcome: 'fetched',
    text: Buffer.concat(chunks).toString('utf8'),
    cacheControl: headers['cache-control'],
  }
}
