import type { LoadProgress } from '../../plan/load/index.ts'
import { showMs, showPerSecond } from '../../plan/load/report/index.ts'
import { type Paint, painter } from '../paint.ts'
import type { Surroundings } from '../surroundings.ts'

/** Tells how a load test goes while it does. */
export interface ProgressTeller {
  (progress: LoadProgress): void
  /** Takes away what only holds while it runs. */
  end(): void
}

/** Lines apart from each other, where nobody can redraw them. */
const lineEveryMs = 5_000

/** One block that is redrawn on a terminal, a line every few seconds elsewhere, and nothing with `--json`. */
export function progressTeller (isJson: boolean, surroundings: Surroundings): ProgressTeller {
  if (isJson) return Object.assign(() => {}, { end () {} })
  return surroundings.stderr.isTTY === true ? blockTeller(surroundings) : lineTeller(surroundings)
}

function blockTeller ({ stderr, env }: Surroundings): ProgressTeller {
  const paint = painter(stderr, { env })
  let height = 0
  // Up to the block's first line, and clear from there to the end of the screen.
  const clear = (): string => height === 0 ? '' : `\u001b[${height}A\r\u001b[J`
  function tell (progress: LoadProgress): void {
    const width = Math.max(20, (stderr.columns ?? 80) - 1)
    const lines = blockOf(progress, paint, width)
    stderr.write(`${clear()}${lines.join('\n')}\n`)
    height = lines.length
  }
  return Object.assign(tell, {
    end () {
      stderr.write(clear())
      height = 0
    },
  })
}

function lineTeller ({ stderr }: Surroundings): ProgressTeller {
  let nextAtMs = 0
  function tell (progress: LoadProgress): void {
    if (progress.elapsedMs < nextAtMs) return
    nextAtMs = progress.elapsedMs + lineEveryMs * 0.9
    const facts = factsOf(progress).map(([name, text]) => name === 'failed' ? `failed ${text}` : text)
    stderr.write(`${facts.join(' | ')}\n`)
  }
  return Object.assign(tell, { end () {} })
}

const barWidth = 20

function blockOf (progress: LoadProgress, paint: Paint, width: number): string[] {
  const done = Math.min(1, progress.plannedMs === 0 ? 1 : progress.elapsedMs / progress.plannedMs)
  const filled = Math.floor(done * barWidth)
  const bar = `${'━'.repeat(filled)}${'─'.repeat(barWidth - filled)}`
  const facts = factsOf(progress).map(([name, text, isBad]) => {
    const line = `${name.padEnd(10)} ${text}`.slice(0, width)
    return isBad === true ? paint('yellow', line) : line
  })
  return [paint('dim', bar.slice(0, width)), ...facts]
}

/** What there is to say, a name and a text each. */
function factsOf (progress: LoadProgress): (readonly [name: string, text: string, isBad?: boolean])[] {
  const { elapsedMs, plannedMs, phase, interval, totals } = progress
  const perSecond = (count: number): string => showPerSecond(count * 1_000 / Math.max(1, interval.durationMs))
  const leftMs = Math.max(0, plannedMs - elapsedMs)
  const failed = totals.failed + totals.dropped
  return [
    ['phase', `${phase}, ${seconds(elapsedMs)} of ${seconds(plannedMs)}, ${seconds(leftMs)} left`],
    [
      'rate',
      `${perSecond(interval.due)} offered, ${
        perSecond(interval.answered)
      } answered, ${interval.inFlight} in flight`,
    ],
    ['latency', `p50 ${showMs(interval.p50Ms)}, p99 ${showMs(interval.p99Ms)} from the intended start`],
    ['failed', `${failed} of ${totals.due}${kindsOf(progress)}`, failed > 0],
    [
      'generator',
      Number.isNaN(interval.lagP99Ms) ? 'sends nothing' : `sends ${showMs(interval.lagP99Ms)} late at p99`,
      interval.lagP99Ms > 10,
    ],
  ]
}

function kindsOf ({ failures }: LoadProgress): string {
  const kinds = Object.entries(failures).map(([kind, count]) => `${kind}: ${count}`)
  return kinds.length === 0 ? '' : ` (${kinds.join(', ')})`
}

function seconds (ms: number): string {
  return `${Math.round(ms / 1_000)}s`
}
