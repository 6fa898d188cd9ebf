export { jobRouteProblems, serveJobs } from './job-routes.ts'
export { openWork, type ServiceWork } from './open-work.ts'
export { checkWork, type WorkDefinition } from './work-definition.ts'
