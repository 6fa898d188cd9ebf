import { setTimeout as pause } from 'node:timers/promises'
import type { Address } from '../harness/index.ts'
import { traceparents } from '../load/index.ts'
import type { FloorSubject } from './subjects.ts'

const sampledRequests = 600
const unsampledRequests = 200
/** A batch of spans is 512 at most peers, and here: what is left of 600 may still wait for its timer. */
const exportedAtLeast = 512
const exportedWithinMs = 10_000

/** A subject does not do what it is measured for. */
export class SubjectIdleError extends Error {
  override readonly name = 'SubjectIdleError'
  readonly code = 'BENCH_SUBJECT_IDLE'

  constructor (subject: string, finding: string) {
    super(`${subject} does not do what it is measured for: ${finding}`)
  }
}

/**
 * Proves that a subject does its work: the answer is right, the request id is there and new each time,
 * sampled traces (and only those) are exported, the requests are counted per route, errors are problems.
 *
 * @throws SubjectIdleError
 */
export async function verifySubject (subject: FloorSubject, address: Address): Promise<void> {
  const base = `http://${address.host}:${address.port}`
  const { duties, name } = subject
  const demand = (ok: boolean, finding: string): void => {
    if (!ok) throw new SubjectIdleError(name, finding)
  }
  const ids = new Set<string | null>()
  let limited = 0
  for (const traceparent of callers()) {
    const response = await fetch(`${base}/ping`, { headers: { traceparent } })
    const body = await response.text()
    demand(response.status === 200 && body === '{"ok":true}', `GET /ping answered ${response.status} ${body}`)
    ids.add(response.headers.get('x-request-id'))
    if (response.headers.has('ratelimit') || response.headers.has('x-ratelimit-remaining')) limited++
  }
  const requests = sampledRequests + unsampledRequests
  if (duties.requestIds) {
    demand(ids.size === requests && !ids.has(null), `${ids.size} request ids for ${requests} requests`)
  }
  if (duties.limits) demand(limited === requests, `${limited} of ${requests} answers tell a limit`)
  if (duties.problems) await demandProblem(base, demand)
  if (duties.tracing) await demandTraces(subject, address, demand)
  if (duties.metrics) {
    const counted = countOf(await subject.metrics?.(address) ?? '', '/ping')
    demand(counted >= requests, `its metrics count ${counted} of ${requests} requests of /ping`)
  }
}

/** The sampled come last: where the unsampled were recorded too, they would fill the batches first. */
function callers (): readonly string[] {
  const headers = traceparents(unsampledRequests + sampledRequests, Math.random)
  return headers.map((header, at) => `${header.slice(0, -2)}${at < unsampledRequests ? '00' : '01'}`)
}

type Demand = (ok: boolean, finding: string) => void

async function demandProblem (base: string, demand: Demand): Promise<void> {
  const response = await fetch(`${base}/absent`)
  const type = response.headers.get('content-type') ?? 'none'
  await response.text()
  const good = response.status === 404 && type.startsWith('application/problem+json')
  demand(good, `GET /absent answered ${response.status} with content-type ${type}`)
}

async function demandTraces (subject: FloorSubject, address: Address, demand: Demand): Promise<void> {
  let traces = 0
  for (let waitedMs = 0; traces < exportedAtLeast && waitedMs < exportedWithinMs; waitedMs += 200) {
    if (waitedMs > 0) await pause(200)
    traces = (await subject.spans?.(address))?.traces ?? 0
  }
  const good = traces >= exportedAtLeast && traces <= sampledRequests
  demand(
    good,
    `it exported ${traces} traces of ${sampledRequests} sampled and ${unsampledRequests} other requests`
  )
}

/**
 * The requests that Prometheus text counts for a route: all series of a histogram's `_count` whose labels
 * name the route.
 */
export function countOf (metrics: string, route: string): number {
  const series = /^\w+_count\{([^}]*)\} (\d+)/gm
  return [...metrics.matchAll(series)]
    .filter(([, labels]) => labels?.includes(`route="${route}"`))
    .reduce((sum, [, , count]) => sum + Number(count), 0)
}
