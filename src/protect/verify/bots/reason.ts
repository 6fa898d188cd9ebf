/** One thing that spoke for or against a program at the other end. */
export interface BotReason {
  /** Stable over releases. */
  readonly signal: BotSignal
  /** Points it adds to the score; below 0 it speaks for a person. */
  readonly weight: number
  /** What was seen, for the people who read it. */
  readonly said: string
}

export type BotSignal =
  | 'signed-agent'
  | 'declared-bot'
  | 'agent-unproven'
  | 'user-agent-missing'
  | 'user-agent-no-browser'
  | 'client-hints-missing'
  | 'client-hints-contradict'
  | 'fetch-metadata-missing'
  | 'accept-language-missing'
  | 'accept-encoding-missing'
  | 'header-order'
  | 'browser-coherent'
  | 'rate-high'
  | 'rate-regular'
  | 'paths-many'
  | 'errors-many'
  | 'conditional-requests'

const table: Readonly<Record<BotSignal, readonly [weight: number, said: string]>> = {
  'signed-agent': [60, 'an agent proved who it is by its signature'],
  'declared-bot': [60, 'User-Agent names a program'],
  'agent-unproven': [15, 'Signature-Agent names an agent, but its signature does not hold'],
  'user-agent-missing': [35, 'there is no User-Agent'],
  'user-agent-no-browser': [10, 'User-Agent names no browser and no known program'],
  'client-hints-missing': [20, 'User-Agent says Chromium, which sends sec-ch-ua over TLS; it is not there'],
  'client-hints-contradict': [30, 'sec-ch-ua and User-Agent name different browsers or versions'],
  'fetch-metadata-missing': [
    20,
    'User-Agent says a browser that sends Sec-Fetch-Mode over TLS; it is not there',
  ],
  'accept-language-missing': [20, 'User-Agent says a browser; there is no Accept-Language, or only *'],
  'accept-encoding-missing': [20, 'User-Agent says a browser; Accept-Encoding does not take gzip'],
  'header-order': [15, 'User-Agent says Chromium, which sends Accept-Encoding before Accept-Language'],
  'browser-coherent': [-35, 'all that the named browser sends is there and agrees'],
  'rate-high': [15, 'more requests in this window than a person makes'],
  'rate-regular': [15, 'requests come at even intervals, as a timer makes them'],
  'paths-many': [20, 'many different paths in this window'],
  'errors-many': [25, 'most answers in this window were 401, 403 or 404'],
  'conditional-requests': [-5, 'it keeps answers and asks whether they have changed'],
}

/** One object for each signal: a verdict allocates none. */
export const reasons: Readonly<Record<BotSignal, BotReason>> = Object.fromEntries(
  Object.entries(table).map(([signal, [weight, said]]) => [signal, Object.freeze({ signal, weight, said })])
) as Record<BotSignal, BotReason>
