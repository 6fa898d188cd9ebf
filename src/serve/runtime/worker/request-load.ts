import type { FamilySnapshot, MetricsSnapshot } from '../../../telemetry/index.ts'
import type { Vitals } from '../protocol.ts'

/**
 * Reads from the pipeline's own metrics how many requests a worker has in its hands and has answered, so that
 * the request path counts them once.
 */
export function requestLoad ({ families }: MetricsSnapshot): Pick<Vitals, 'inFlight' | 'requests'> {
  const named = (name: string): FamilySnapshot | undefined => families.find((family) => family.name === name)
  const active = named('http_server_active_requests')
  const durations = named('http_server_request_duration_seconds')
  return {
    inFlight: active === undefined ? 0 : active.values.reduce((sum, value) => sum + value, 0),
    requests: durations === undefined ? 0 : countOf(durations),
  }
}

/** A histogram's series are its buckets, one more than bounds, and then the sum of its values. */
function countOf ({ bounds, values }: FamilySnapshot): number {
  const width = bounds.length + 2
  return values.reduce((count, value, at) => at % width === width - 1 ? count : count + value, 0)
}
