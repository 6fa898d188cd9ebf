import type { HonestyLimits } from '../plan.ts'

export const defaultPatienceMs = 30_000
export const defaultMaxInFlight = 20_000
export const defaultMaxConnections = 1_000
export const defaultHonesty: Required<HonestyLimits> = { lagP99Ms: 10, lagMaxMs: 1_000 }
