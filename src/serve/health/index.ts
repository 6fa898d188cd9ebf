export { type HealthChange, type HealthCheck } from './check.ts'
export { Health, type HealthOptions } from './health.ts'
export {
  type CheckReport,
  type HealthReport,
  type HealthSource,
  type HealthState,
  type HealthStatus,
} from './report.ts'
export { answerProbe, type HealthProbe, healthProbes, type HealthResponse } from './response.ts'
export { healthRoutes } from './routes.ts'
export { sayChange } from './say-change.ts'
