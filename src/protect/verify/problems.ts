import { type ExplainedProblemKind, explainProblems, Problem } from '../../kernel/index.ts'
import type { BotVerdict } from './bots/index.ts'
import type { SignatureRefusal, SignatureVerifier } from './signature/index.ts'

export type VerifyProblemCode =
  | 'SIGNATURE_MISSING'
  | 'SIGNATURE_INVALID'
  | 'SIGNATURE_NOT_CHECKED'
  | 'DIGEST_MISMATCH'
  | 'BOT_REFUSED'

/** What verification can answer. */
export const verifyProblems: Readonly<Record<VerifyProblemCode, ExplainedProblemKind>> = explainProblems({
  SIGNATURE_MISSING: [
    401,
    'The request is not signed',
    'the route takes signed requests only, and the request carries no signature that it looks at',
    'Sign the request (RFC 9421) over what `Accept-Signature` names; `requires` lists the parameters.',
  ],
  SIGNATURE_INVALID: [
    401,
    'The signature of the request is not accepted',
    'the signature does not hold, is too old, was used before, or covers too little; `reason` says which',
    'Act on `reason` and `about`, and sign anew: a retry needs a new signature and a new nonce.',
  ],
  SIGNATURE_NOT_CHECKED: [
    503,
    'The signature of the request could not be checked',
    'the keys of the caller, or the memory of used nonces, cannot be reached at the moment',
    'Sign anew and try again after `Retry-After`; the request had no effect.',
  ],
  DIGEST_MISMATCH: [
    400,
    'The body is not the one that was promised',
    'the body that arrived does not have the digest that `Content-Digest` gives',
    'Compute the digest over the bytes as they are sent, after compression, and send them unchanged.',
  ],
  BOT_REFUSED: [
    403,
    'The service does not take requests from this kind of client',
    'the service refuses a class of clients by its bot policy, and the request looks like one of it',
    'Identify the client: sign as an agent (Web Bot Auth), use an API key, or ask the team of the service.',
  ],
})

/** A refusal as it is answered. */
export interface RefusalAnswer {
  readonly problem: Problem
  /** Fields to send with it, lower-case names. */
  readonly headers: Readonly<Record<string, string>>
}

/** Long enough for a directory or a store to come back, in seconds. */
const retryAfterSeconds = 2

/**
 * A refusal as a problem document. It says what the client can act on and nothing of the keys; a mismatch does
 * not say which part differs.
 *
 * RFC 9110 asks for a challenge with each 401; there is no registered scheme for message signatures, so the
 * challenge is the bare name `Signature`, and what must be signed stands in `Accept-Signature`.
 */
export function refusalAnswer (refusal: SignatureRefusal, verifier: SignatureVerifier): RefusalAnswer {
  const { reason, about, label } = refusal
  if (reason === 'digest-mismatch') return { problem: digestMismatch(), headers: {} }
  if (reason === 'key-unavailable' || reason === 'replay-unavailable') {
    const extensions = { reason, retryAfterSeconds }
    const problem = new Problem(verifyProblems.SIGNATURE_NOT_CHECKED, { extensions })
    return { problem, headers: { 'retry-after': String(retryAfterSeconds) } }
  }
  const { requires, algorithms, maxAgeSeconds } = verifier.policy
  const extensions = {
    reason,
    ...(about === undefined ? {} : { about }),
    ...(label === undefined ? {} : { label }),
    requires,
    algorithms: [...algorithms],
    maxAgeSeconds,
  }
  const kind = reason === 'missing' ? verifyProblems.SIGNATURE_MISSING : verifyProblems.SIGNATURE_INVALID
  return {
    problem: new Problem(kind, { extensions }),
    headers: { 'www-authenticate': 'Signature', 'accept-signature': verifier.acceptSignature },
  }
}

/** For `digestStream`. */
export function digestMismatch (): Problem {
  return new Problem(verifyProblems.DIGEST_MISMATCH)
}

/** For a treatment that refuses. It names the class and not the reasons: they would teach what to imitate. */
export function botRefused (verdict: BotVerdict): Problem {
  return new Problem(verifyProblems.BOT_REFUSED, { extensions: { class: verdict.class } })
}
