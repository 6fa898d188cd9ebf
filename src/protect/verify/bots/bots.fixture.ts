import type { BotRequest } from './bot-scorer.ts'

/** Headers as Chromium 156 sent them for a page and for a `fetch`, observed over TLS. */
export const chromiumAgent =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36'
const hint = '"Not:A-Brand";v="8", "Chromium";v="156"'

export const chromiumPage: readonly string[] = [
  'Host',
  'shop.example',
  'sec-ch-ua',
  hint,
  'sec-ch-ua-mobile',
  '?0',
  'sec-ch-ua-platform',
  '"Linux"',
  'Upgrade-Insecure-Requests',
  '1',
  'User-Agent',
  chromiumAgent,
  'Accept',
  'text/html,*/*;q=0.8',
  'Sec-Fetch-Site',
  'none',
  'Sec-Fetch-Mode',
  'navigate',
  'Accept-Encoding',
  'gzip, deflate, br, zstd',
  'Accept-Language',
  'en-US,en;q=0.9',
]

export const chromiumFetch: readonly string[] = [
  'Host',
  'shop.example',
  'sec-ch-ua-platform',
  '"Linux"',
  'User-Agent',
  chromiumAgent,
  'sec-ch-ua',
  hint,
  'sec-ch-ua-mobile',
  '?0',
  'Accept',
  '*/*',
  'Sec-Fetch-Site',
  'same-origin',
  'Sec-Fetch-Mode',
  'cors',
  'Accept-Encoding',
  'gzip, deflate, br, zstd',
  'Accept-Language',
  'en-US,en;q=0.9',
]

/** A request with these header lines. */
export function botRequest (rawHeaders: readonly string[], changes: Partial<BotRequest> = {}): BotRequest {
  const headers: Record<string, string> = {}
  for (let at = 0; at < rawHeaders.length; at += 2)
    headers[rawHeaders[at]!.toLowerCase()] = rawHeaders[at + 1] ?? ''
  return { headers, rawHeaders, scheme: 'https', client: '192.0.2.1', path: '/products', ...changes }
}

/** The lines without one header, or with another value for it. */
export function withHeader (lines: readonly string[], name: string, value?: string): readonly string[] {
  const at = lines.findIndex((line, index) => index % 2 === 0 && line.toLowerCase() === name)
  const rest = at === -1 ? lines : lines.toSpliced(at, 2)
  return value === undefined ? rest : rest.toSpliced(at === -1 ? rest.length : at, 0, name, value)
}
