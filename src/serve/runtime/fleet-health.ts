import type { HealthReport, HealthSource } from '../health/index.ts'
import type { Fleet, FleetWorker } from './fleet/index.ts'

/**
 * What the supervisor says for its workers.
 *
 * Readiness goes by what each worker said last, with its heartbeat. A worker that is too busy to say it again
 * counts with that: overload is no reason to send its load to the others. One that is stuck is replaced.
 */
export function fleetHealth (fleet: () => Fleet | undefined): HealthSource {
  return {
    live: () => ({ status: 'pass', state: stateOf(fleet()), checks: {} }),
    startup: () =>
      fleet()?.isBooted === true ? passing(fleet()) : failing('starting', 'the service is still starting'),
    ready () {
      const now = fleet()
      if (now?.isStopping === true) return failing('draining', 'the service is draining')
      const ready = now?.workers.filter(({ state }) => state === 'ready') ?? []
      if (ready.length > 0) return best(ready)
      return now?.isBooted === true ?
        failing('ready', 'no worker is ready') :
        failing('starting', 'the service is still starting')
    },
  }
}

function stateOf (fleet: Fleet | undefined): HealthReport['state'] {
  if (fleet?.isStopping === true) return 'draining'
  return fleet?.isBooted === true ? 'ready' : 'starting'
}

function passing (fleet: Fleet | undefined): HealthReport {
  return { status: 'pass', state: stateOf(fleet), checks: {} }
}

function failing (state: HealthReport['state'], output: string): HealthReport {
  return { status: 'fail', state, output, checks: {} }
}

/** One worker that serves is enough for the whole to want traffic. */
function best (workers: readonly FleetWorker[]): HealthReport {
  const reports = workers.flatMap(({ vitals }) => vitals === undefined ? [] : [vitals.health])
  return reports.find(({ status }) => status === 'pass') ??
    reports.find(({ status }) => status === 'warn') ??
    reports[0] ??
    failing('starting', 'no worker has reported yet')
}
