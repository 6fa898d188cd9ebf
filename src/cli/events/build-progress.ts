import type { BuildRecord } from '../../work/events-desk/index.ts'
import { age } from '../report-text.ts'

/** A build that has not moved for so long may have nobody who works on it. */
const idleMs = 10_000

/** Tells how far a new build is, and when nobody seems to work on it. */
export class BuildProgress {
  #seen = ''
  #movedMs = 0

  /** @param nowMs of any clock that does not step back */
  line (
    { build, version, events, lagMs, failure }:
      & Pick<BuildRecord, 'build' | 'version' | 'events' | 'failure'>
      & {
        readonly lagMs: number | undefined
      },
    nowMs: number
  ): string {
    const isBehind = lagMs !== 0
    const seen = `${build} ${events} ${isBehind}`
    if (seen !== this.#seen) [this.#seen, this.#movedMs] = [seen, nowMs]
    const left = lagMs === undefined || !isBehind ? '' : `, ${age(lagMs)} behind`
    const trouble = failure !== undefined ?
      `; stuck at event ${failure.event} (${failure.type}): ${failure.message}` :
      nowMs - this.#movedMs >= idleMs ?
      `; nothing moves: does a process with the role work run version ${version}?` :
      ''
    return `build ${build}: ${events} events${left}${trouble}`
  }
}
