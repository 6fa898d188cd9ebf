import {
  type Clock,
  type Duration,
  parseDuration,
  type Random,
  systemClock,
  systemRandom,
} from '../../../kernel/index.ts'
import { BehaviourTable } from './behaviour-table.ts'
import { BrowserClaims } from './claimed-browser.ts'
import { headerEvidence, type RequestHead } from './header-evidence.ts'
import { type BotReason, reasons } from './reason.ts'

/** What a client is taken for, from best known to least. */
export const botClasses = ['signed-agent', 'declared-bot', 'likely-bot', 'unknown', 'likely-human'] as const
export type BotClass = (typeof botClasses)[number]

/** What is thought of the sender of one request, and why. */
export interface BotVerdict {
  /** From 0, nothing speaks for a program, to 100. It is a sum of points, not a probability. */
  readonly score: number
  readonly class: BotClass
  /** The points, beginning from {@link startScore}; those of the class first. */
  readonly reasons: readonly BotReason[]
}

export interface BotRequest extends RequestHead {
  /** Whose behaviour it belongs to: the client address as the limiter keys it, or the API key. */
  readonly client: string
  /** Without the query, so that pages of one list are one path. */
  readonly path: string
  /** What is known of its Web Bot Auth signature. @default `'unsigned'` */
  readonly agent?: 'verified' | 'unverified' | 'invalid' | 'unsigned'
}

export interface BotScorerOptions {
  /** Clients whose behaviour is remembered, a power of two; 56 bytes each. @default 16,384 */
  readonly clients?: number
  /** After it a client's behaviour is counted anew. @default 5 minutes */
  readonly window?: Duration
  /** Requests in a window from which on it is called high. @default 600 */
  readonly highRequests?: number
  /** Different paths in a window that are called many. @default 60 */
  readonly manyPaths?: number
  /** Hears of each verdict, for metrics. */
  readonly onVerdict?: (verdict: BotVerdict) => void
  readonly clock?: Clock
  readonly random?: Random
}

/** Where every score starts: nothing known. */
export const startScore = 40
const likelyBotFrom = 70
const likelyHumanTo = 20
/** Before it has sent so many in a window, nothing is said of a client's behaviour. */
const leastRequests = 20
/** Gaps that vary less than this about their mean are a timer's; network jitter alone stays below it. */
const evenVariation = 0.15

/**
 * Says of each request how much speaks for a program at the other end, from its headers and from what its client
 * did before. Local, without a network, in fixed memory; a hint for limits and lanes, never a verdict to refuse
 * by: who imitates a browser in full passes, and a person with a rare browser may not.
 */
export class BotScorer {
  readonly #claims: BrowserClaims = new BrowserClaims()
  readonly #table: BehaviourTable
  readonly #clock: Clock
  readonly #highRequests: number
  readonly #manyPaths: number
  readonly #onVerdict: ((verdict: BotVerdict) => void) | undefined

  /** @throws SettingError */
  constructor (options: BotScorerOptions = {}) {
    const { clients = 16_384, window = '5m', clock = systemClock, random = systemRandom } = options
    const seed = Math.floor(random() * 2 ** 32)
    this.#table = new BehaviourTable(clients, parseDuration(window, 'bots.window'), seed)
    this.#clock = clock
    this.#highRequests = options.highRequests ?? 600
    this.#manyPaths = options.manyPaths ?? 60
    this.#onVerdict = options.onVerdict
  }

  /** Memory of the behaviour of clients, in bytes: it does not grow. */
  get bytes (): number {
    return this.#table.bytes
  }

  /** Once for each request, when its head has come. */
  look (request: BotRequest): BotVerdict {
    const found: BotReason[] = []
    const { agent = 'unsigned' } = request
    if (agent === 'verified') found.push(reasons['signed-agent'])
    // A directory that is down is no evidence against its agent; a wrong signature is.
    if (agent === 'invalid') found.push(reasons['agent-unproven'])
    const claim = this.#claims.of(text(request.headers['user-agent']))
    headerEvidence(claim, request, found)
    this.#behaviour(request, found)
    const score = scoreOf(found)
    const verdict = {
      score,
      class: classOf(score, agent === 'verified', claim.kind === 'program'),
      reasons: found,
    }
    this.#onVerdict?.(verdict)
    return verdict
  }

  /** Once for each answer. */
  answered (client: string, status: number): void {
    if (status === 401 || status === 403 || status === 404) this.#table.failed(client)
  }

  #behaviour ({ client, path, headers }: BotRequest, found: BotReason[]): void {
    const isConditional = headers['if-none-match'] !== undefined || headers['if-modified-since'] !== undefined
    const table = this.#table
    const slot = table.arrived(client, path, isConditional, this.#clock.now())
    const requests = table.requests(slot)
    if (requests < leastRequests) return
    if (requests >= this.#highRequests) found.push(reasons['rate-high'])
    if (table.gapVariation(slot) < evenVariation) found.push(reasons['rate-regular'])
    if (table.paths(slot) >= this.#manyPaths) found.push(reasons['paths-many'])
    if (table.errors(slot) * 2 >= requests) found.push(reasons['errors-many'])
    if (table.conditional(slot) * 10 >= requests) found.push(reasons['conditional-requests'])
  }
}

function scoreOf (found: readonly BotReason[]): number {
  let score = startScore
  for (const { weight } of found) score += weight
  return Math.max(0, Math.min(100, score))
}

function classOf (score: number, isSigned: boolean, isDeclared: boolean): BotClass {
  if (isSigned) return 'signed-agent'
  if (isDeclared) return 'declared-bot'
  if (score >= likelyBotFrom) return 'likely-bot'
  return score <= likelyHumanTo ? 'likely-human' : 'unknown'
}

function text (value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0]
}
