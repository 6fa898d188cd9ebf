import { createHash } from 'node:crypto'
import { type Clock, systemClock } from '../../../kernel/index.ts'
import { BodyDigest, type ExpectedDigest, readContentDigest } from '../digest/index.ts'
import type { ReplayAnswer, ReplayStore } from '../replay/index.ts'
import { acceptSignature } from './accept-signature.ts'
import type { SignatureAlgorithm } from './algorithm.ts'
import { type Candidate, readCandidates } from './candidates.ts'
import { checkClaims, readClaims, remainingMs, type SignatureClaims } from './claims.ts'
import type { Component } from './component.ts'
import { checkCoverage, isWholeDigest } from './coverage.ts'
import type { FoundKey, KeySource } from './key-source.ts'
import type { VerificationKey } from './key.ts'
import { type ReadPolicy, readPolicy, type SignaturePolicy } from './policy.ts'
import { refuse, type SignatureReason, type SignatureRefusal } from './reason.ts'
import { readComponents, signatureBase } from './signature-base.ts'
import { FieldLines, type SignedRequest } from './signed-request.ts'
import { structuredFields, type StructuredKind } from './structured-field.ts'
import { readTarget, type Target } from './target.ts'

/** A signature that holds. */
export interface VerifiedSignature extends SignatureClaims {
  readonly verified: true
  readonly label: string
  /** Its `owner` says who signed. */
  readonly key: VerificationKey
  /** Identifiers, in the order of the signature: only what is named here was signed. */
  readonly components: readonly string[]
  /**
   * What the body must hash to; the signature covers this promise, and it is **not yet checked**: see
   * `digestStream`. Undefined when no digest of the body is covered.
   */
  readonly digest: ExpectedDigest | undefined
}

export type Verification = VerifiedSignature | SignatureRefusal

export interface SignatureVerifierOptions {
  readonly keys: KeySource
  readonly policy?: SignaturePolicy
  /** Remembers nonces; yours to close. @default none: a signature can be used again until it is too old */
  readonly replay?: ReplayStore
  /**
   * When the replay store does not answer, or is full: `closed` refuses with `replay-unavailable`, `open`
   * accepts without knowing, which `onReplayUnchecked` counts. @default `'closed'`
   */
  readonly whenReplayFails?: 'open' | 'closed'
  readonly onReplayUnchecked?: (why: 'failed' | 'full') => void
  /** Hears of each outcome, for metrics. */
  readonly onOutcome?: (outcome: 'verified' | SignatureReason, algorithm: SignatureAlgorithm | 'none') => void
  /** Further fields whose kind is known, for `sf`. */
  readonly structuredFields?: Readonly<Record<string, StructuredKind>>
  readonly clock?: Clock
}

/** What a candidate was found to be before its key was known. */
interface Prepared {
  readonly candidate: Candidate
  readonly claims: SignatureClaims
  readonly components: readonly Component[]
  readonly base: Buffer
  readonly digest: ExpectedDigest | undefined
  readonly nowSeconds: number
}

/** One request on its way through its candidates. */
interface Way {
  readonly request: SignedRequest
  readonly target: Target
  readonly fields: FieldLines
  readonly candidates: readonly Candidate[]
}

/**
 * Verifies HTTP message signatures of requests (RFC 9421).
 *
 * Everything that costs little is checked before the key is asked for, and the nonce is remembered after the
 * signature was found right, so that nobody without a key can use up nonces or room. A promise is returned only
 * when the key or the store makes one. It never throws: what a client can send wrong is a refusal.
 */
export class SignatureVerifier {
  readonly policy: ReadPolicy
  /** The value of an `Accept-Signature` field that says what must be signed. */
  readonly acceptSignature: string
  readonly #options: SignatureVerifierOptions
  readonly #clock: Clock
  readonly #structured: Readonly<Record<string, StructuredKind>>

  /** @throws SettingError for a policy that cannot be */
  constructor (options: SignatureVerifierOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#structured = { ...structuredFields, ...options.structuredFields }
    this.policy = readPolicy(options.policy ?? {}, options.replay !== undefined)
    this.acceptSignature = acceptSignature(this.policy)
  }

  verify (request: SignedRequest): Verification | Promise<Verification> {
    const fields = new FieldLines(request.rawHeaders)
    const candidates = readCandidates(fields, this.policy.tag)
    if ('reason' in candidates) return this.#done(candidates)
    const target = readTarget(request)
    if (target === undefined) return this.#done(refuse('malformed', 'request target'))
    return this.#try({ request, target, fields, candidates }, 0, undefined)
  }

  /** The first that holds; else the refusal that says most: one about an unknown key says least. */
  #try (way: Way, at: number, before: SignatureRefusal | undefined): Verification | Promise<Verification> {
    const candidate = way.candidates[at]
    if (candidate === undefined) return this.#done(before ?? refuse('missing'))
    const prepared = this.#prepare(way, candidate)
    const next = (refusal: SignatureRefusal): Verification | Promise<Verification> => {
      const said = { ...refusal, label: candidate.label }
      const says = before === undefined || before.reason === 'unknown-key' ? said : before
      return this.#try(way, at + 1, says)
    }
    if ('reason' in prepared) return next(prepared)
    const found = this.#find(way, prepared)
    if (!(found instanceof Promise)) return this.#judge(prepared, found, next)
    return found.then((key) => this.#judge(prepared, key, next))
  }

  #prepare ({ request, target, fields }: Way, candidate: Candidate): Prepared | SignatureRefusal {
    const claims = readClaims(candidate.input[1])
    if ('reason' in claims) return claims
    const nowSeconds = this.#clock.epochMs() / 1000
    const components = readComponents(candidate.input)
    if ('reason' in components) return components
    const objection = checkCoverage(components, this.policy, target.query !== undefined) ??
      checkClaims(claims, this.policy, nowSeconds)
    if (objection !== undefined) return objection
    const text = signatureBase(components, candidate.input, {
      request,
      target,
      fields,
      structured: this.#structured,
    })
    if (typeof text !== 'string') return text
    const digest = components.some(isWholeDigest) ?
      readContentDigest(fields.value('content-digest') ?? '') :
      undefined
    if (request.hasBody && this.policy.digestRequired && digest === undefined) {
      return refuse('digest-missing', '"content-digest"')
    }
    // A body that was taken away is found here: nothing would come that could be hashed.
    if (!request.hasBody && digest !== undefined && !new BodyDigest(digest).matches()) {
      return refuse('digest-mismatch', '"content-digest"')
    }
    return { candidate, claims, components, base: Buffer.from(text, 'latin1'), digest, nowSeconds }
  }

  #find ({ fields }: Way, { candidate, claims, components }: Prepared): FoundKey | Promise<FoundKey> {
    const { keyId, algorithm, tag } = claims
    try {
      const found = this.#options.keys({ label: candidate.label, keyId, algorithm, tag, components, fields })
      return found instanceof Promise ? found.catch(() => refuse('key-unavailable')) : found
    } catch {
      return refuse('key-unavailable')
    }
  }

  #judge (
    prepared: Prepared,
    key: FoundKey,
    next: (refusal: SignatureRefusal) => Verification | Promise<Verification>
  ): Verification | Promise<Verification> {
    const refusal = this.#checkKey(prepared, key)
    if (refusal !== undefined) return next(refusal)
    const { candidate, claims, components, digest } = prepared
    const verified: VerifiedSignature = {
      ...claims,
      verified: true,
      label: candidate.label,
      key: key as VerificationKey,
      components: components.map(({ identifier }) => identifier),
      digest,
    }
    const answer = this.#remember(prepared, verified.key)
    if (!(answer instanceof Promise)) return this.#afterReplay(verified, answer)
    return answer.then((known) => this.#afterReplay(verified, known))
  }

  #checkKey ({ candidate, claims, base }: Prepared, key: FoundKey): SignatureRefusal | undefined {
    if (key === undefined) return refuse('unknown-key', 'keyid')
    if ('reason' in key) return key
    if (claims.algorithm !== undefined && claims.algorithm !== key.algorithm) {
      return refuse('algorithm-mismatch', 'alg')
    }
    if (!this.policy.algorithms.has(key.algorithm)) return refuse('algorithm-unsupported', 'alg')
    return key.verify(base, candidate.signature) ? undefined : refuse('mismatch')
  }

  #remember (
    { claims, nowSeconds }: Prepared,
    key: VerificationKey
  ): ReplayAnswer | 'failed' | Promise<ReplayAnswer | 'failed'> {
    const { replay } = this.#options
    if (replay === undefined || claims.nonce === undefined) return 'new'
    // Nonces are a matter of each key: one client cannot use up another's.
    const hash = createHash('sha256').update(JSON.stringify([key.owner, key.id, claims.nonce]))
    const name = hash.digest('base64url').slice(0, 22)
    try {
      const answer = replay.remember(name, remainingMs(claims, this.policy, nowSeconds))
      return answer instanceof Promise ? answer.catch(() => 'failed' as const) : answer
    } catch {
      return 'failed'
    }
  }

  #afterReplay (verified: VerifiedSignature, answer: ReplayAnswer | 'failed'): Verification {
    const { label } = verified
    if (answer === 'seen') return this.#done({ ...refuse('replayed', 'nonce'), label }, verified.key)
    if (answer !== 'new') {
      if (this.#options.whenReplayFails !== 'open') {
        return this.#done({ ...refuse('replay-unavailable'), label }, verified.key)
      }
      this.#options.onReplayUnchecked?.(answer)
    }
    return this.#done(verified, verified.key)
  }

  #done (verification: Verification, key?: VerificationKey): Verification {
    const outcome = verification.verified ? 'verified' : verification.reason
    this.#options.onOutcome?.(outcome, key?.algorithm ?? 'none')
    return verification
  }
}
