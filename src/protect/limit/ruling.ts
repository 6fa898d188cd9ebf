import {
  type ExplainedProblemKind,
  Problem,
  type ProblemDetails,
  type ProblemDocument,
  problemDocument,
} from '../../kernel/index.ts'
import type { CompiledRule } from './compiled-rule.ts'
import { limitHeader, limitItem, policyHeader, retryAfterHeader, wholeSeconds } from './header-writer.ts'
import { capacityOf } from './limit.ts'
import { limitProblems } from './problems.ts'
import type { Claim, LimitStore } from './store.ts'

/** Why a request is refused, and for how long. */
export interface Refusal {
  readonly kind: ExplainedProblemKind
  /** The rule with the longest wait of those that refuse. */
  readonly rule: string
  /** All rules that refuse. */
  readonly rules: readonly string[]
  /** What the rule allows at once, in units. */
  readonly limit: number
  /** After so long the request is admitted, if nobody else takes; whole and true. */
  readonly waitMs: number
  /** What `Retry-After` says: `waitMs` with jitter, if asked for, in whole seconds, rounded up. */
  readonly retryAfterSeconds: number
}

/** The refusal as a problem to throw. */
export function limitProblem (refusal: Refusal): Problem {
  return new Problem(refusal.kind, detailsOf(refusal))
}

/** The document of the same problem, to be written. */
export function limitDocument (refusal: Refusal): ProblemDocument {
  return problemDocument(refusal.kind, detailsOf(refusal))
}

function detailsOf ({ kind, rule, rules, limit, retryAfterSeconds }: Refusal): ProblemDetails {
  return {
    detail: kind.code === limitProblems.LIMIT_UNDECIDED.code ?
      `The limit "${rule}" cannot be checked now; try again in ${retryAfterSeconds} s.` :
      `The limit "${rule}" allows ${limit} at once; try again in ${retryAfterSeconds} s.`,
    // The last is the member that the draft of the header fields names (section 5).
    extensions: { rule, limit, retryAfterSeconds, 'violated-policies': rules },
  }
}

/** Rules that apply to a request, and what is known of them at boot. */
export interface RuleSet {
  readonly rules: readonly CompiledRule[]
  /** `RateLimit-Policy` of the enforced rules; `undefined` for none. */
  readonly policy: string | undefined
  /** The same as a line of a head. */
  readonly policyLine: string | undefined
  /** Sets of those rules that applied to some request, by their positions as bits. */
  readonly parts: Map<number, RuleSet>
}

export type Header = readonly [name: string, value: string]

/**
 * What the limits say to one request. Keep it until the request has ended, and call `release` then; call `refund`
 * when the request turned out to cost nothing.
 */
export class Ruling {
  readonly refusal: Refusal | undefined
  readonly #store: LimitStore
  readonly #set: RuleSet
  readonly #claims: readonly Claim[]
  #refunded = false

  constructor (store: LimitStore, set: RuleSet, claims: readonly Claim[], refusal: Refusal | undefined) {
    this.#store = store
    this.#set = set
    this.#claims = claims
    this.refusal = refusal
  }

  get admitted (): boolean {
    return this.refusal === undefined
  }

  /**
   * `RateLimit-Policy` and `RateLimit`, and for a refusal `Retry-After`; names in lower case. Shadow rules are not
   * in them. In a refusal no window is longer than `Retry-After`, as the draft asks.
   */
  headers (): readonly Header[] {
    const { refusal } = this
    const { rules, policy } = this.#set
    const headers: Header[] = []
    if (policy !== undefined) {
      headers.push([policyHeader, policy])
      headers.push([limitHeader, this.#limits(rules, refusal?.retryAfterSeconds ?? Number.POSITIVE_INFINITY)])
    }
    if (refusal !== undefined) headers.push([retryAfterHeader, String(refusal.retryAfterSeconds)])
    return headers
  }

  /** The same as lines of a head. */
  lines (): string {
    const { refusal } = this
    const { rules, policyLine } = this.#set
    let lines = ''
    if (policyLine !== undefined) {
      const limits = this.#limits(rules, refusal?.retryAfterSeconds ?? Number.POSITIVE_INFINITY)
      lines = `${policyLine}${limitHeader}: ${limits}\r\n`
    }
    return refusal === undefined ? lines : `${lines}${retryAfterHeader}: ${refusal.retryAfterSeconds}\r\n`
  }

  /**
   * Gives back all that the request took, for one that is shed, answered 304, a replay, or fails by our own fault.
   * A second call does nothing, in whatever order with `release`.
   */
  refund (): void {
    if (this.#refunded || !this.admitted) return
    this.#refunded = true
    for (let at = 0; at < this.#claims.length; at++) {
      const claim = this.#claims[at] as Claim
      if (claim.taken && claim.limit.kind !== 'concurrency') this.#set.rules[at]?.metrics.refunded.add()
    }
    ignoreFailure(this.#store.give(this.#claims))
  }

  /** The request has ended: frees its place among those in flight. A second call does nothing. */
  release (): void {
    if (this.#claims.some(isHeld)) ignoreFailure(this.#store.release(this.#claims))
  }

  #limits (rules: readonly CompiledRule[], mostSeconds: number): string {
    let text = ''
    for (let at = 0; at < rules.length; at++) {
      const claim = this.#claims[at] as Claim
      if (claim.limit.shadow) continue
      const seconds = claim.resetMs > 0 ? Math.min(mostSeconds, wholeSeconds(claim.resetMs)) : 0
      const item = limitItem((rules[at] as CompiledRule).limitItemPrefix, claim.remaining, seconds)
      text = text === '' ? item : `${text}, ${item}`
    }
    return text
  }
}

/** What `refusedBy` means for the client. @param retryAfterMs its wait, with jitter */
export function refusalOf (
  { rules }: RuleSet,
  claims: readonly Claim[],
  refusedBy: Claim,
  retryAfterMs: number
): Refusal {
  const refusing = rules.filter((_, at) => claims[at] !== undefined && refuses(claims[at]))
  const rule = rules[claims.indexOf(refusedBy)]
  const undecided = refusedBy.decidedBy === 'closed'
  return {
    kind: undecided ? limitProblems.LIMIT_UNDECIDED : rule?.problem ?? limitProblems.LIMIT_EXCEEDED,
    rule: rule?.name ?? '',
    rules: refusing.map(({ name }) => name),
    limit: capacityOf(refusedBy.limit),
    waitMs: refusedBy.waitMs,
    retryAfterSeconds: wholeSeconds(retryAfterMs),
  }
}

export function refuses ({ waitMs, limit }: Claim): boolean {
  return waitMs > 0 && !limit.shadow
}

function isHeld ({ taken, limit }: Claim): boolean {
  return taken && limit.kind === 'concurrency'
}

/** A store promises not to reject; one that does loses the refund, and must not end the process with it. */
function ignoreFailure (given: void | Promise<void>): void {
  given?.catch(() => {})
}
