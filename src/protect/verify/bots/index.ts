export {
  type BotPolicy,
  type BotTreatment,
  defaultBotPolicy,
  laneUnder,
  readBotPolicy,
} from './bot-policy.ts'
export {
  type BotClass,
  botClasses,
  type BotRequest,
  BotScorer,
  type BotScorerOptions,
  type BotVerdict,
  startScore,
} from './bot-scorer.ts'
export type { BotReason, BotSignal } from './reason.ts'
