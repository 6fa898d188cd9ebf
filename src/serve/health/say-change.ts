import { formatDuration } from '../../kernel/index.ts'
import type { HealthChange } from './check.ts'

/** A sentence for the log: what has happened, since when, and what comes of it. */
export function sayChange ({ name, report, error, failedMs }: HealthChange): string {
  if (report.status === 'pass') return `${name} passes its health check again, after ${lasting(failedMs)}`
  const reason = error instanceof Error ? error.message : String(error)
  const said = failedMs === 0 ?
    `${name} fails its health check: ${reason}` :
    `${name} still fails its health check, for ${lasting(failedMs)} by now, otherwise than before: ${reason}`
  const outcome = report.required ?
    'This process takes no new traffic until it passes' :
    'Requests are answered all the same'
  return `${said.replace(/\.$/, '')}. ${outcome}; a line says so when it passes again`
}

/** In whole seconds where there are some. */
function lasting (ms: number): string {
  return formatDuration(ms < 1_000 ? Math.round(ms) : Math.round(ms / 1_000) * 1_000)
}
