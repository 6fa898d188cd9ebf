import { Readable } from 'node:stream'
import { type Random, systemRandom } from '../../../kernel/index.ts'
import type { GaugeSlot, MetricsRegistry } from '../../../telemetry/index.ts'
import { isFinal, type Jobs, type JobStatus } from '../../../work/jobs/index.ts'
import { documentOf, versionOf } from './job-document.ts'
import { JobStreamsFullError } from './job-problems.ts'

export interface JobStreamsOptions {
  readonly jobs: Pick<Jobs, 'waitFor' | 'stopping'>
  /** How many at once. */
  readonly most: number
  readonly registry: MetricsRegistry
  /** A comment is sent after so long without an event, in milliseconds. @default 15,000 */
  readonly heartbeatMs?: number
  readonly random?: Random
}

/** When a client whose stream has ended comes back, in milliseconds: spread, so that not all come at once. */
const comeBack = { leastMs: 500, spreadMs: 1_000 }

/**
 * How jobs stand, as Server-Sent Events: one for each change, with the document of the status resource. Who reads too
 * slowly misses states in between, never the last one.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export class JobStreams {
  readonly #jobs: JobStreamsOptions['jobs']
  readonly #most: number
  readonly #heartbeatMs: number
  readonly #random: Random
  readonly #shown: GaugeSlot
  #open = 0

  constructor ({ jobs, most, registry, heartbeatMs = 15_000, random = systemRandom }: JobStreamsOptions) {
    this.#jobs = jobs
    this.#most = most
    this.#heartbeatMs = heartbeatMs
    this.#random = random
    this.#shown = registry.gauge({
      name: 'plimsoll_jobs_status_streams',
      help: 'Clients that hear of their jobs as events.',
      merge: 'sum',
    }).slot({})
  }

  /**
   * @param status how the job stands now
   * @param known the id of the last event that the client has got; `undefined` for one that has none
   * @param signal ends the stream
   * @throws JobStreamsFullError
   */
  open (status: JobStatus, known: string | undefined, signal: AbortSignal): Readable {
    const comeBackMs = Math.round(comeBack.leastMs + this.#random() * comeBack.spreadMs)
    if (this.#open >= this.#most) throw new JobStreamsFullError(this.#most, comeBackMs)
    this.#shown.set(++this.#open)
    const gone = new AbortController()
    const leave = (): void => gone.abort()
    signal.addEventListener('abort', leave, { once: true })
    const stream = streamOf(this.#events(status, known, comeBackMs, gone.signal), leave)
    stream.once('close', () => {
      signal.removeEventListener('abort', leave)
      this.#shown.set(--this.#open)
    })
    return stream
  }

  async *#events (
    first: JobStatus,
    known: string | undefined,
    comeBackMs: number,
    signal: AbortSignal
  ): AsyncGenerator<string, void> {
    // Said at once, so that the answer begins although there may be nothing else to say yet.
    yield `retry: ${comeBackMs}\n\n`
    let told = known
    for (let status = first;;) {
      const version = versionOf(status)
      if (version !== told) yield `id: ${version}\ndata: ${JSON.stringify(documentOf(status))}\n\n`
      told = version
      // Another process goes on where this one stops.
      if (isFinal(status) || signal.aborted || this.#jobs.stopping.aborted) return
      const next = await this.#newsOf(status, signal)
      if (next === 'none') yield ':\n\n'
      else if (next === undefined) return
      else status = next
    }
  }

  /** @returns 'none' when there is nothing new for so long that the client should hear that it is still being told */
  async #newsOf (status: JobStatus, signal: AbortSignal): Promise<JobStatus | 'none' | undefined> {
    try {
      const next = await this.#jobs.waitFor(status.id, { since: status, timeout: this.#heartbeatMs, signal })
      return next !== undefined && versionOf(next) === versionOf(status) ? 'none' : next
    } catch {
      // The database has been away all the time: a client that was sent away now would find nobody who knows more.
      return 'none'
    }
  }
}

/** As `Readable.from`, which waits at its end for the wait that it is in: `leave` ends that. */
function streamOf (texts: AsyncGenerator<string, void>, leave: () => void): Readable {
  return new Readable({
    read () {
      texts.next().then(
        ({ done, value }) => this.push(done === true ? null : value),
        (error: unknown) => this.destroy(error as Error)
      )
    },
    destroy (error, done) {
      leave()
      done(error)
    },
  })
}
