import {
  type Clock,
  type Duration,
  parseDuration,
  type Random,
  SettingError,
  systemClock,
  systemRandom,
} from '../../../kernel/index.ts'
import { type FoundKey, type KeyQuestion, type KeySource, refuse } from '../signature/index.ts'
import { claimedAgent } from './agent-name.ts'
import { type DirectoryKeys, publishedTestKeys, readDirectory } from './directory-keys.ts'
import { type FetchBounds, fetchDirectory, type FetchOutcome } from './fetch-directory.ts'
import { freshForMs } from './freshness.ts'

/** What became of a look into an agent's directory, for metrics. */
export type DirectoryOutcome = FetchOutcome | 'malformed' | 'limited'

/** All of {@link DirectoryOutcome}. */
export const directoryOutcomes: readonly DirectoryOutcome[] = [
  'fetched',
  'unreachable',
  'timeout',
  'refused-address',
  'refused-status',
  'refused-type',
  'too-large',
  'malformed',
  'limited',
]

export interface AgentDirectoryOptions {
  /** Hosts whose directories are fetched: `agent.example`, `*.agent.example`; or any. @default `'any'` */
  readonly agents?: 'any' | readonly string[]
  /** Of one fetch, name and handshake included. @default 3 seconds */
  readonly timeout?: Duration
  /** The largest directory, in bytes. @default 65,536 */
  readonly maxBytes?: number
  /** Keys of one directory; one with more is refused as a whole. @default 32 */
  readonly maxKeys?: number
  /** Directories remembered, those that failed included. @default 1,000 */
  readonly maxAgents?: number
  /** Fetches under way at once; beyond it the answer is `key-unavailable`. @default 8 */
  readonly maxFetches?: number
  /** Agents met for the first time whose directory is fetched, per minute. @default 120 */
  readonly newAgentsPerMinute?: number
  /** How long keys are used after they stopped being fresh, while newer ones cannot be had. @default 24 hours */
  readonly stale?: Duration
  /** How long a failed fetch is not tried again. @default 30 seconds */
  readonly retryAfter?: Duration
  /** Thumbprints that are never accepted. @default the keys printed in RFC 9421 */
  readonly refusedKeys?: readonly string[]
  /** Hears of each fetch. */
  readonly onFetch?: (outcome: DirectoryOutcome) => void
  /** How connections are made, for tests and for networks with their own resolver. */
  readonly network?: Pick<FetchBounds, 'resolve' | 'isAllowed' | 'port' | 'ca'>
  readonly clock?: Clock
  readonly random?: Random
}

/** What is known of one agent. */
interface Entry {
  /** The last that were fetched. A failed fetch is no evidence and takes none away. */
  keys: DirectoryKeys | undefined
  /** `clock.now()` of the last fetch that gave keys. */
  fetchedMs: number
  freshUntilMs: number
  /** No fetch before it. */
  retryAtMs: number
  underWay: Promise<void> | undefined
}

/** A key that is not in a fresh directory may be a new one: it is fetched anew, but not more often than this. */
const refetchMs = 60_000
const minuteMs = 60_000

/**
 * The keys of Web Bot Auth agents, from the directory each of them publishes. Answers at once from memory, with
 * keys that are no longer fresh too, while they are fetched anew in the background; only the first request of an
 * agent, and the first with a new key, waits. Requests that wait for one agent share one fetch.
 *
 * A key belongs to the agent in whose directory it was found: the same key named under another agent is looked
 * for in that one's. What a stranger can make this fetch is bounded in size, time, number and address.
 */
export class AgentDirectory {
  readonly #entries: Map<string, Entry> = new Map()
  readonly #options: AgentDirectoryOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #staleMs: number
  readonly #retryMs: number
  readonly #bounds: FetchBounds
  readonly #refused: ReadonlySet<string>
  #underWay = 0
  #newSinceMs = -Infinity
  #newAgents = 0

  /** @throws SettingError */
  constructor (options: AgentDirectoryOptions = {}) {
    const { maxBytes = 65_536, refusedKeys = publishedTestKeys, network } = options
    for (const name of ['maxBytes', 'maxKeys', 'maxAgents', 'maxFetches', 'newAgentsPerMinute'] as const) {
      const value = options[name] ?? 1
      if (!(Number.isInteger(value) && value > 0)) {
        throw new SettingError(`agents.${name}`, 'a whole number above 0', value)
      }
    }
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
    this.#staleMs = parseDuration(options.stale ?? '24h', 'agents.stale')
    this.#retryMs = parseDuration(options.retryAfter ?? '30s', 'agents.retryAfter')
    this.#refused = new Set(refusedKeys)
    const timeoutMs = parseDuration(options.timeout ?? '3s', 'agents.timeout')
    this.#bounds = { ...network, timeoutMs, maxBytes, clock: this.#clock }
  }

  /** For a `SignatureVerifier`. */
  readonly keySource: KeySource = (question) => this.#find(question)

  #find (question: KeyQuestion): FoundKey | Promise<FoundKey> {
    const { keyId } = question
    if (keyId === undefined) return undefined
    const agent = claimedAgent(question)
    if (typeof agent !== 'string') return agent
    if (!this.#isAllowed(agent) || this.#refused.has(keyId)) return undefined
    const entry = this.#entries.get(agent)
    const nowMs = this.#clock.now()
    if (entry?.keys !== undefined && nowMs < entry.freshUntilMs + this.#staleMs) {
      const isKnown = entry.keys.has(keyId)
      const isDue = nowMs >= entry.freshUntilMs || (!isKnown && nowMs >= entry.fetchedMs + refetchMs)
      if (!isDue || nowMs < entry.retryAtMs) return this.#answer(entry, keyId)
      const fetching = this.#refresh(agent, entry)
      if (isKnown || fetching === undefined) return this.#answer(entry, keyId)
      return fetching.then(() => this.#answer(entry, keyId))
    }
    if (entry !== undefined && nowMs < entry.retryAtMs) return refuse('key-unavailable')
    const asked = entry ?? this.#admit(agent, nowMs)
    const fetching = asked === undefined ? undefined : this.#refresh(agent, asked)
    if (asked === undefined || fetching === undefined) {
      this.#options.onFetch?.('limited')
      return refuse('key-unavailable')
    }
    return fetching.then(() => this.#answer(asked, keyId))
  }

  #answer (entry: Entry, keyId: string): FoundKey {
    const { keys, freshUntilMs } = entry
    if (keys === undefined || this.#clock.now() >= freshUntilMs + this.#staleMs)
      return refuse('key-unavailable')
    const found = keys.get(keyId)
    const nowSeconds = this.#clock.epochMs() / 1000
    if (found === undefined || nowSeconds < found.notBefore || nowSeconds >= found.expires) return undefined
    return found.key
  }

  /** A place for an agent that is met for the first time. @returns undefined when too many come at once */
  #admit (agent: string, nowMs: number): Entry | undefined {
    const { maxAgents = 1_000, newAgentsPerMinute = 120 } = this.#options
    if (nowMs >= this.#newSinceMs + minuteMs) {
      this.#newSinceMs = nowMs
      this.#newAgents = 0
    }
    if (this.#newAgents >= newAgentsPerMinute) return undefined
    this.#newAgents++
    if (this.#entries.size >= maxAgents) this.#forgetOne()
    const entry: Entry = {
      keys: undefined,
      fetchedMs: -Infinity,
      freshUntilMs: -Infinity,
      retryAtMs: -Infinity,
      underWay: undefined,
    }
    this.#entries.set(agent, entry)
    return entry
  }

  /** First one that never gave a key, so that a flood of made-up agents does not push out the real ones. */
  #forgetOne (): void {
    let oldest: string | undefined
    for (const [agent, entry] of this.#entries) {
      if (entry.underWay !== undefined) continue
      oldest ??= agent
      if (entry.keys !== undefined && entry.keys.size > 0) continue
      this.#entries.delete(agent)
      return
    }
    if (oldest !== undefined) this.#entries.delete(oldest)
  }

  /** @returns undefined when too many fetches are under way */
  #refresh (agent: string, entry: Entry): Promise<void> | undefined {
    if (entry.underWay !== undefined) return entry.underWay
    if (this.#underWay >= (this.#options.maxFetches ?? 8)) return undefined
    this.#underWay++
    entry.underWay = this.#fetch(agent, entry).finally(() => {
      this.#underWay--
      entry.underWay = undefined
    })
    return entry.underWay
  }

  async #fetch (agent: string, entry: Entry): Promise<void> {
    const fetched = await fetchDirectory(agent, this.#bounds)
    const nowMs = this.#clock.now()
    const keys = fetched.outcome === 'fetched' ?
      readDirectory(fetched.text, agent, this.#options.maxKeys ?? 32) :
      undefined
    if (fetched.outcome !== 'fetched' || keys === undefined) {
      entry.retryAtMs = nowMs + this.#retryMs
      this.#options.onFetch?.(fetched.outcome === 'fetched' ? 'malformed' : fetched.outcome)
      return
    }
    entry.keys = keys
    entry.fetchedMs = nowMs
    entry.freshUntilMs = nowMs + freshForMs(fetched.cacheControl, this.#random)
    this.#options.onFetch?.('fetched')
  }

  #isAllowed (agent: string): boolean {
    const { agents = 'any' } = this.#options
    if (agents === 'any') return true
    const host = new URL(agent).hostname
    return agents.some((one) => one.startsWith('*.') ? host.endsWith(one.slice(1)) : one === host)
  }
}
