import type { Distribution } from '../histogram/index.ts'
import type { HonestyLimits } from '../plan.ts'
import type { Verdict } from '../report.ts'

/** What is known of a run's own conduct. */
export interface Conduct {
  readonly dispatchLag: Pick<Distribution, 'count' | 'p99Ms' | 'maxMs'>
  readonly dropped: number
  /** Requests that this machine had no port, descriptor or buffer for. */
  readonly exhausted: number
  /** Connections that were to stand before the run, and those that did. */
  readonly openPlanned: number
  readonly openStanding: number
  /** Threads that ended before the run did, with what they said. */
  readonly lostThreads: readonly string[]
  /** Cores that threads were to be pinned to, and could not. */
  readonly unpinned: readonly number[]
  readonly limits: Required<HonestyLimits>
}

/** Judges whether a run did what its plan says; all reasons are given, not the first alone. */
export function judgeConduct (conduct: Conduct): Verdict {
  const { dispatchLag: { count, p99Ms, maxMs }, limits: { lagP99Ms, lagMaxMs } } = conduct
  const reasons: string[] = []
  const say = (wrong: boolean, reason: string): void => {
    if (wrong) reasons.push(reason)
  }
  say(
    count > 0 && p99Ms > lagP99Ms,
    `the generator sent late: 1 % of the requests by more than ${
      p99Ms.toFixed(1)
    } ms (allowed: ${lagP99Ms} ms); ` +
      'give it more threads or cores, or a lower rate'
  )
  say(
    count > 0 && maxMs > lagMaxMs,
    `the generator stood still: a request was sent ${maxMs.toFixed(0)} ms late (allowed: ${lagMaxMs} ms)`
  )
  say(
    conduct.dropped > 0,
    `${conduct.dropped} requests were dropped because too many were in flight; raise maxInFlight or ` +
      'shorten the patience'
  )
  say(
    conduct.exhausted > 0,
    `${conduct.exhausted} requests found no port, file descriptor or buffer on this machine; raise \`ulimit -n\` ` +
      'or connect from several addresses'
  )
  say(
    conduct.openStanding < conduct.openPlanned,
    `only ${conduct.openStanding} of ${conduct.openPlanned} connections could be opened before the run`
  )
  for (const message of conduct.lostThreads) reasons.push(`a thread of the generator ended early: ${message}`)
  say(
    conduct.unpinned.length > 0,
    `no thread could be pinned to core ${conduct.unpinned.join(', ')}; that needs Linux and \`taskset\``
  )
  return { state: reasons.length === 0 ? 'valid' : 'void', reasons }
}
