export { figuresOf } from './figures.ts'
export {
  type Figures,
  judgeThreshold,
  type Latency,
  type ThresholdResult,
  type ThresholdUnit,
} from './judge.ts'
export { parseThreshold } from './parse-threshold.ts'
export { type Comparison, type LatencyClock, type Metric, type Threshold } from './threshold.ts'
