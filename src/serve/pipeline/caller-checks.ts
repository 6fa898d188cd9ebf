import { type Clock, type Random, SettingError } from '../../kernel/index.ts'
import type {
  AgentDirectoryOptions,
  AgentVerification,
  AgentVerifier,
  AgentVerifierOptions,
  BotClass,
  BotPolicy,
  BotScorer,
  BotScorerOptions,
  BotTreatment,
  RefusalAnswer,
  SignatureVerifier,
  SignatureVerifierOptions,
  Verification,
} from '../../protect/verify/index.ts'
import type { MetricsRegistry } from '../../telemetry/index.ts'
import type { RequestUnit } from './request-unit.ts'

/** What is checked of callers beyond what they say; see docs/signed-requests.md and docs/bots.md. */
export interface CallerCheckOptions {
  /** Checks the signatures of routes that say `verify`. @default none, and such a route stops the boot */
  readonly signatures?: Omit<SignatureVerifierOptions, 'onOutcome' | 'onReplayUnchecked'>
  /** Verifies the signatures of agents (Web Bot Auth), so that limits can count by them. @default nobody's */
  readonly agents?:
    & AgentDirectoryOptions
    & Omit<AgentVerifierOptions, 'directory' | 'onOutcome' | 'onReplayUnchecked' | 'clock'>
  /** Scores clients by what speaks for a program, and treats them by `policy`. @default nobody is scored */
  readonly bots?: Omit<BotScorerOptions, 'onVerdict'> & { readonly policy?: BotPolicy }
}

interface Parts {
  readonly registry: MetricsRegistry
  readonly clock: Clock
  readonly random: Random
}

type Verify = typeof import('../../protect/verify/index.ts')

/** @returns undefined when nothing is to be checked, and then none of it is loaded; @throws SettingError */
export async function openCallerChecks (
  options: CallerCheckOptions & { readonly plans?: Readonly<Record<string, unknown>> },
  parts: Parts
): Promise<CallerChecks | undefined> {
  const { signatures, agents, bots, plans = {} } = options
  for (const [name, treatment] of Object.entries(bots?.policy ?? {})) {
    if (treatment?.limits !== undefined && !Object.hasOwn(plans, treatment.limits))
      throw new SettingError(`bots.policy.${name}.limits`, 'the name of one of `plans`', treatment.limits)
  }
  if (signatures === undefined && agents === undefined && bots === undefined) return undefined
  return new CallerChecks(await import('../../protect/verify/index.ts'), options, parts)
}

/** Finds out who calls, as far as headers and signatures tell. */
export class CallerChecks {
  readonly #verify: Verify
  readonly #signatures: SignatureVerifier | undefined
  readonly #agents: AgentVerifier | undefined
  readonly #scorer: BotScorer | undefined
  readonly #treatments: Readonly<Record<BotClass, BotTreatment>>

  constructor (verify: Verify, { signatures, agents, bots }: CallerCheckOptions, parts: Parts) {
    const { registry, clock, random } = parts
    const metrics = verify.verifyMetrics(registry)
    this.#verify = verify
    if (signatures !== undefined) {
      this.#signatures = new verify.SignatureVerifier({ clock, ...signatures, ...metrics.signatures })
    }
    if (agents !== undefined) {
      const directory = new verify.AgentDirectory({ clock, ...agents, ...metrics.directory })
      this.#agents = new verify.AgentVerifier({ ...agents, clock, directory, ...metrics.agents })
    }
    const { policy, ...scoring } = bots ?? {}
    this.#treatments = verify.readBotPolicy(policy)
    if (bots !== undefined)
      this.#scorer = new verify.BotScorer({ clock, random, ...scoring, ...metrics.bots })
  }

  get checksSignatures (): boolean {
    return this.#signatures !== undefined
  }

  /** Before limits and admission, which go by it. A promise only for a request that an agent has signed. */
  identify (unit: RequestUnit): void | Promise<void> {
    const { raw, protocol } = unit.request
    if (this.#agents === undefined || !this.#verify.carriesSignature(raw.headers))
      return this.#look(unit, 'unsigned')
    const verified = this.#agents.verify(this.#verify.signedRequestOf(raw, protocol))
    return verified instanceof Promise ?
      verified.then((found) => this.#found(unit, found)) :
      this.#found(unit, verified)
  }

  /** After admission, since it may cost cryptography. @returns the answer to give when it does not hold */
  verify (
    unit: RequestUnit,
    required: boolean
  ): RefusalAnswer | undefined | Promise<RefusalAnswer | undefined> {
    const { raw, protocol } = unit.request
    const verifier = this.#signatures as SignatureVerifier
    if (!required && !this.#verify.carriesSignature(raw.headers)) return undefined
    const verified = verifier.verify(this.#verify.signedRequestOf(raw, protocol))
    return verified instanceof Promise ?
      verified.then((found) => this.#judge(unit, found)) :
      this.#judge(unit, verified)
  }

  /** The answer to a client whose class is refused. */
  refusal ({ bot }: RequestUnit): RefusalAnswer | undefined {
    if (bot === undefined || this.#treatments[bot.class].refuse !== true) return undefined
    return { problem: this.#verify.botRefused(bot), headers: {} }
  }

  answered (unit: RequestUnit, status: number): void {
    this.#scorer?.answered(unit.client, status)
  }

  #found (unit: RequestUnit, found: AgentVerification): void {
    if (found.status === 'verified') unit.agent = found.agent
    this.#look(unit, found.status)
  }

  #look (unit: RequestUnit, agent: AgentVerification['status']): void {
    if (this.#scorer === undefined) return
    const { url, protocol, raw: { headers, rawHeaders } } = unit.request
    const query = url.indexOf('?')
    const path = query === -1 ? url : url.slice(0, query)
    unit.bot = this.#scorer.look({ headers, rawHeaders, scheme: protocol, client: unit.client, path, agent })
    unit.treatment = this.#treatments[unit.bot.class]
  }

  #judge (unit: RequestUnit, found: Verification): RefusalAnswer | undefined {
    if (!found.verified) return this.#verify.refusalAnswer(found, this.#signatures as SignatureVerifier)
    unit.verification = found
    return undefined
  }

  /** For a route's preParsing: fails at the end of a body that is not the one that was signed. */
  readonly checkBody = (unit: RequestUnit, payload: NodeJS.ReadableStream): NodeJS.ReadableStream => {
    const digest = unit.verification?.digest
    if (digest === undefined) return payload
    return payload.pipe(this.#verify.digestStream(digest, this.#verify.digestMismatch))
  }
}
