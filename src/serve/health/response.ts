import type { CheckReport, HealthReport, HealthSource } from './report.ts'

/** The probes by their path. */
export const healthProbes = ['/livez', '/readyz', '/startupz'] as const

/** One of {@link healthProbes}. */
export type HealthProbe = (typeof healthProbes)[number]

/** What to send, whatever sends it. */
export interface HealthResponse {
  readonly statusCode: 200 | 503
  readonly headers: Readonly<Record<'content-type' | 'cache-control', string>>
  /** JSON text. */
  readonly body: string
}

const headers = { 'content-type': 'application/health+json', 'cache-control': 'no-store' } as const

/**
 * Asks for one probe and writes the answer: 503 for `fail`, 200 for `pass` and `warn`. A source that throws
 * is answered with 503: who cannot say that it is well is not.
 *
 * The body has the shape of the draft, so each check is a list of one; `state` and `code` are our additions.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06
 */
export async function answerProbe (source: HealthSource, probe: HealthProbe): Promise<HealthResponse> {
  try {
    if (probe === '/livez') return write(await source.live())
    if (probe === '/readyz') return write(await source.ready())
    return write(await source.startup())
  } catch {
    const body = JSON.stringify({ status: 'fail', output: 'the health of the service could not be read' })
    return { statusCode: 503, headers, body }
  }
}

function write ({ status, state, output, checks }: HealthReport): HealthResponse {
  const shownChecks = Object.entries(checks).map(([name, check]) => [name, [showCheck(check)]])
  const body = JSON.stringify({
    status,
    state,
    output,
    ...(shownChecks.length === 0 ? {} : { checks: Object.fromEntries(shownChecks) }),
  })
  return { statusCode: status === 'fail' ? 503 : 200, headers, body }
}

function showCheck ({ status, required, durationMs, atEpochMs, code, output }: CheckReport): object {
  return {
    status,
    required,
    observedValue: Math.round(durationMs * 10) / 10,
    observedUnit: 'ms',
    time: new Date(atEpochMs).toISOString(),
    code,
    output,
  }
}
