import type { ClaimedBrowser } from './claimed-browser.ts'
import { type BotReason, reasons } from './reason.ts'

/** The head of a request, as Node gives it. */
export interface RequestHead {
  /** By lower-case name, as `IncomingMessage.headers`. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Names and values in turn, in the order in which they came. */
  readonly rawHeaders: readonly string[]
  /** As the client saw it: browsers send client hints and fetch metadata over TLS alone. */
  readonly scheme: 'http' | 'https'
}

/** First versions whose behaviour is relied on; older browsers are given the benefit of the doubt. */
const hintsFrom = 116
const metadataFrom = { chromium: 80, firefox: 90, safari: 17 } as const

/**
 * Says what in the headers does not go with the browser that is claimed, or that all of it does.
 *
 * What browsers send is observed, not promised, and changes with their versions; a proxy in front may reorder
 * headers or take some away. So each finding weighs little, and none decides alone.
 */
export function headerEvidence (
  claim: ClaimedBrowser,
  { headers, rawHeaders, scheme }: RequestHead,
  into: BotReason[]
): void {
  if (claim.kind === 'missing') into.push(reasons['user-agent-missing'])
  if (claim.kind === 'program') into.push(reasons['declared-bot'])
  if (claim.kind === 'other') into.push(reasons['user-agent-no-browser'])
  if (claim.kind !== 'chromium' && claim.kind !== 'firefox' && claim.kind !== 'safari') return
  const before = into.length
  hints(claim, headers['sec-ch-ua'], scheme, into)
  const tellsMetadata = scheme === 'https' && claim.major >= metadataFrom[claim.kind]
  if (tellsMetadata && headers['sec-fetch-mode'] === undefined) into.push(reasons['fetch-metadata-missing'])
  const language = headers['accept-language']
  if (language === undefined || language === '*') into.push(reasons['accept-language-missing'])
  const encoding = headers['accept-encoding']
  if (typeof encoding !== 'string' || !encoding.includes('gzip'))
    into.push(reasons['accept-encoding-missing'])
  if (claim.kind === 'chromium' && language !== undefined && comesBefore(rawHeaders)) {
    into.push(reasons['header-order'])
  }
  // Over plain HTTP too little is sent to say that it fits.
  if (into.length === before && tellsMetadata) into.push(reasons['browser-coherent'])
}

function hints (
  { kind, major }: ClaimedBrowser,
  hint: string | string[] | undefined,
  scheme: 'http' | 'https',
  into: BotReason[]
): void {
  if (kind !== 'chromium') {
    if (hint !== undefined) into.push(reasons['client-hints-contradict'])
  } else if (hint === undefined) {
    if (scheme === 'https' && major >= hintsFrom) into.push(reasons['client-hints-missing'])
  } else if (typeof hint !== 'string' || !hint.includes(`"Chromium";v="${major}"`)) {
    into.push(reasons['client-hints-contradict'])
  }
}

/** Whether Accept-Language stands before Accept-Encoding. Both names have 15 letters. */
function comesBefore (rawHeaders: readonly string[]): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    if (name.length !== 15) continue
    const lower = name.toLowerCase()
    if (lower === 'accept-language') return true
    if (lower === 'accept-encoding') return false
  }
  return false
}
