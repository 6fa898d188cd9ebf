import type { Clock } from '../../../kernel/index.ts'
import {
  type SignaturePolicy,
  type SignatureReason,
  type SignatureRefusal,
  SignatureVerifier,
  type SignatureVerifierOptions,
  type SignedRequest,
  type Verification,
  type VerifiedSignature,
} from '../signature/index.ts'
import type { AgentDirectory } from './agent-directory.ts'

/**
 * What is known of the agent that sent a request. Kept apart on purpose: `invalid` is evidence against the
 * sender, `unverified` is none (its directory may be down), and `unsigned` says nothing at all.
 */
export type AgentVerification =
  | { readonly status: 'verified'; readonly agent: string; readonly signature: VerifiedSignature }
  | { readonly status: 'unverified' | 'invalid'; readonly reason: SignatureReason; readonly about?: string }
  | { readonly status: 'unsigned' }

export interface AgentVerifierOptions extends Pick<SignatureVerifierOptions, 'replay' | 'whenReplayFails'> {
  readonly directory: AgentDirectory
  /**
   * What is asked beyond Web Bot Auth's own rules. Its `maxAge` is 24 hours and nonces are not asked for, because
   * agents may sign once for several requests; tighten both where that matters.
   */
  readonly policy?: Pick<SignaturePolicy, 'components' | 'digest' | 'requires' | 'maxAge' | 'clockSkew'>
  readonly onOutcome?: SignatureVerifierOptions['onOutcome']
  readonly onReplayUnchecked?: SignatureVerifierOptions['onReplayUnchecked']
  readonly clock?: Clock
}

export const agentTag = 'web-bot-auth'

const unknown: ReadonlySet<SignatureReason> = new Set([
  'unknown-key',
  'key-unavailable',
  'replay-unavailable',
])

/**
 * Verifies that a request comes from the agent that its `Signature-Agent` names (Web Bot Auth). A verified agent
 * is an identity to give limits and lanes to; it says nothing of the agent's intentions, and unless the
 * signature covers more than the host, nothing of this very request.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-webbotauth-httpsig-protocol/
 */
export class AgentVerifier {
  readonly signatures: SignatureVerifier

  /** @throws SettingError */
  constructor ({ directory, policy, ...rest }: AgentVerifierOptions) {
    this.signatures = new SignatureVerifier({
      ...rest,
      keys: directory.keySource,
      policy: {
        components: ['@authority'],
        digest: 'optional',
        requires: ['created', 'expires', 'keyid'],
        maxAge: '24h',
        ...policy,
        // The draft forbids shared secrets: anyone who can verify with one could sign with it.
        algorithms: ['ed25519', 'ecdsa-p256-sha256'],
        tag: agentTag,
      },
    })
  }

  verify (request: SignedRequest): AgentVerification | Promise<AgentVerification> {
    const verification = this.signatures.verify(request)
    return verification instanceof Promise ? verification.then(agentOf) : agentOf(verification)
  }
}

function agentOf (verification: Verification): AgentVerification {
  if (verification.verified) {
    return { status: 'verified', agent: verification.key.owner ?? '', signature: verification }
  }
  return verification.reason === 'missing' ? { status: 'unsigned' } : failed(verification)
}

function failed ({ reason, about }: SignatureRefusal): AgentVerification {
  const status = unknown.has(reason) ? 'unverified' : 'invalid'
  return about === undefined ? { status, reason } : { status, reason, about }
}
