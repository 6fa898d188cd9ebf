export {
  type ArrivalPhase,
  type ArrivalProcess,
  arrivalProcesses,
  type Arrivals,
  hold,
  ramp,
  resolveArrivals,
  spike,
  type SpikeShape,
  steps,
} from './arrivals.ts'
export {
  type Body,
  type DefinedLoad,
  defineLoad,
  del,
  get,
  type HeaderFields,
  type JourneyDefinition,
  type LoadDefinition,
  type Method,
  methods,
  patch,
  post,
  put,
  type StepDefinition,
} from './definition.ts'
export { ScenarioError, type ScenarioErrorCode } from './errors.ts'
export { JourneyRun, type NextRequest } from './journey-run.ts'
export { loadScenario } from './load-scenario.ts'
export { planOf } from './plan-of.ts'
export { formatRate, parseRate, type Rate } from './rate.ts'
export { mergeHeaders } from './request.ts'
export { StepResponse } from './response.ts'
export { type Journey, pickJourney, resolveScenario, type Scenario } from './scenario.ts'
export { type Step } from './step.ts'
export { isLoopback, parseTarget, type Target } from './target.ts'
export { type Think, thinkMs, type ThinkTime } from './think.ts'
export { scenarioTraffic } from './traffic.ts'
export { between, pick, type Turn } from './turn.ts'
