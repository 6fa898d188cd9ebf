import type { MetricsRegistry } from '../../telemetry/index.ts'
import { type AgentDirectoryOptions, directoryOutcomes } from './agents/index.ts'
import { botClasses, type BotScorerOptions } from './bots/index.ts'
import { signatureAlgorithms, signatureReasons, type SignatureVerifierOptions } from './signature/index.ts'

/** What to give the parts of verification, so that they count. */
export interface VerifyMetrics {
  /** For a `SignatureVerifier`. */
  readonly signatures: Required<Pick<SignatureVerifierOptions, 'onOutcome' | 'onReplayUnchecked'>>
  /** For an `AgentVerifier`. */
  readonly agents: Required<Pick<SignatureVerifierOptions, 'onOutcome' | 'onReplayUnchecked'>>
  /** For an `AgentDirectory`. */
  readonly directory: Required<Pick<AgentDirectoryOptions, 'onFetch'>>
  /** For a `BotScorer`. */
  readonly bots: Required<Pick<BotScorerOptions, 'onVerdict'>>
}

/** Counters of verification. No label takes what a client sends: there are at most 200 series in all. */
export function verifyMetrics (registry: MetricsRegistry): VerifyMetrics {
  const fetches = registry.counter({
    name: 'plimsoll_agent_directory_fetches_total',
    help: 'Looks into the key directories of agents, by outcome.',
    labels: ['outcome'],
  })
  const classes = registry.counter({
    name: 'plimsoll_bot_requests_total',
    help: 'Requests by what their client is taken for.',
    labels: ['class'],
  })
  const byOutcome = slots(directoryOutcomes, (outcome) => fetches.slot({ outcome }))
  const byClass = slots(botClasses, (name) => classes.slot({ class: name }))
  return {
    signatures: signatureCounters(registry, 'request'),
    agents: signatureCounters(registry, 'agent'),
    directory: { onFetch: (outcome) => byOutcome[outcome].add() },
    bots: { onVerdict: (verdict) => byClass[verdict.class].add() },
  }
}

function signatureCounters (registry: MetricsRegistry, of: 'request' | 'agent'): VerifyMetrics['signatures'] {
  const verifications = registry.counter({
    name: 'plimsoll_signature_verifications_total',
    help: 'Signatures looked at, by what they are for, outcome and algorithm of the key, if one was found.',
    labels: ['for', 'outcome', 'algorithm'],
  })
  const unchecked = registry.counter({
    name: 'plimsoll_signature_replay_unchecked_total',
    help: 'Signatures accepted though nobody could tell whether their nonce is new.',
    labels: ['for', 'why'],
  })
  const algorithms = [...signatureAlgorithms, 'none'] as const
  const byOutcome = slots(
    ['verified', ...signatureReasons] as const,
    (outcome) => slots(algorithms, (algorithm) => verifications.slot({ for: of, outcome, algorithm }))
  )
  const byWhy = slots(['failed', 'full'] as const, (why) => unchecked.slot({ for: of, why }))
  return {
    onOutcome: (outcome, algorithm) => byOutcome[outcome][algorithm].add(),
    onReplayUnchecked: (why) => byWhy[why].add(),
  }
}

function slots<Name extends string, Slot> (
  names: readonly Name[],
  slotOf: (name: Name) => Slot
): Readonly<Record<Name, Slot>> {
  return Object.fromEntries(names.map((name) => [name, slotOf(name)])) as Record<Name, Slot>
}
