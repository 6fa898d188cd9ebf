import { criticalities, type Criticality, parseCriticality, SettingError } from '../../../kernel/index.ts'
import { type BotClass, botClasses } from './bot-scorer.ts'

/** What a class of clients gets. All of it is optional: an empty treatment changes nothing. */
export interface BotTreatment {
  /** The highest lane its requests may take; they keep a lower one of their own. */
  readonly lane?: Criticality
  /** The name of a plan of limits that holds for it besides the route's own. */
  readonly limits?: string
  /** Answers 403. Off unless you ask for it: a score is a hint. */
  readonly refuse?: boolean
}

export type BotPolicy = Readonly<Partial<Record<BotClass, BotTreatment>>>

/** Crawlers that do not sign go last; what only looks like a program goes before them; nobody is refused. */
export const defaultBotPolicy: BotPolicy = {
  'declared-bot': { lane: 'background' },
  'likely-bot': { lane: 'sheddable' },
}

const none: BotTreatment = {}

/** The treatment of each class, checked. @throws SettingError */
export function readBotPolicy (
  policy: BotPolicy = defaultBotPolicy
): Readonly<Record<BotClass, BotTreatment>> {
  for (const [name, treatment] of Object.entries(policy)) {
    if (!botClasses.some((one) => one === name)) {
      throw new SettingError('bots.policy', `of the classes ${botClasses.join(', ')}`, name)
    }
    if (treatment.lane !== undefined) parseCriticality(treatment.lane, `bots.policy.${name}.lane`)
    for (const key of Object.keys(treatment)) {
      if (key !== 'lane' && key !== 'limits' && key !== 'refuse') {
        throw new SettingError(`bots.policy.${name}`, 'made of lane, limits and refuse', key)
      }
    }
  }
  return Object.fromEntries(botClasses.map((name) => [name, policy[name] ?? none])) as Record<
    BotClass,
    BotTreatment
  >
}

/** The lane of a request under a treatment: its own, or the ceiling where that is lower. */
export function laneUnder (own: Criticality, { lane }: BotTreatment): Criticality {
  if (lane === undefined) return own
  return criticalities.indexOf(own) >= criticalities.indexOf(lane) ? own : lane
}
