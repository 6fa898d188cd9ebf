export { arrivalChance, arrivalRandom } from './arrival-random.ts'
export { type PhaseWindow, Schedule, type Share, windowsOf } from './schedule.ts'
