import type { Distribution } from '../histogram/index.ts'
import type { LoadReport, PhaseReport, RequestReport } from '../report.ts'
import { type Conclusion, failuresOfCode, type RunState } from './conclusion.ts'
import type { RunHead } from './document.ts'
import { printable, showActual, showBytes, showMs, showPerSecond } from './format.ts'

/** Makes a piece of text stand out where it can. */
export type Highlight = (accent: 'bold' | 'dim' | 'red' | 'green' | 'yellow', text: string) => string

const nameWidth = 26
const accents = { passed: 'green', failed: 'red', void: 'red', interrupted: 'yellow' } as const

/** A report for people, about 100 columns wide. */
export function reportText (
  report: LoadReport,
  conclusion: Conclusion,
  head: RunHead,
  highlight: Highlight
): string {
  const parts = [
    [`${highlight('bold', head.target)}  ${head.load}, ${showMs(report.measuredMs)} measured`],
    requestTable(report, highlight),
    report.phases.length > 1 ? phaseTable(report.phases, highlight) : [],
    complaintLines(report, highlight),
    generatorLines(report, highlight),
    thresholdTable(conclusion, highlight),
    failuresOfCode(report).map((text) => highlight('red', printable(`the scenario failed: ${text}`))),
    [finalLine(conclusion, report, highlight)],
  ]
  return `${parts.filter((lines) => lines.length > 0).map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function requestTable (report: LoadReport, highlight: Highlight): string[] {
  const { totals, latency, serviceTime, requests } = report
  const head = row('request', 'count', 'good', 'time', ['p50', 'p90', 'p99', 'p99.9', 'max'])
  const all: RequestReport[] = requests.length === 1 ? [] : [{
    name: 'all',
    counts: totals,
    latency,
    serviceTime,
    outcomes: requests.flatMap(({ outcomes }) => outcomes),
  }]
  return [highlight('dim', head), ...[...requests, ...all].flatMap((each) => requestRows(each, highlight))]
}

function requestRows (
  { name, counts, latency, serviceTime, outcomes }: RequestReport,
  highlight: Highlight
): string[] {
  const { due, expectedPerSecond, failed, dropped, unfinished } = counts
  const sums = new Map<string, number>()
  for (const { outcome, count } of outcomes) sums.set(outcome, (sums.get(outcome) ?? 0) + count)
  if (dropped > 0) sums.set('dropped', dropped)
  if (unfinished > 0) sums.set('unfinished', unfinished)
  const ends = [...sums].map(([outcome, count]) => `${outcome}: ${count}`).join(', ') || 'none ended'
  const bytes = `${showBytes(counts.bytesReceived)} in, ${showBytes(counts.bytesSent)} out`
  const accent = failed + dropped > 0 ? 'yellow' : 'dim'
  return [
    row(name, String(due), showPerSecond(expectedPerSecond), 'intended', quantiles(latency)),
    row('', '', '', 'service', quantiles(serviceTime)),
    `  ${highlight(accent, ends)}${highlight('dim', `; ${bytes}`)}`,
  ]
}

function quantiles ({ p50Ms, p90Ms, p99Ms, p999Ms, maxMs }: Distribution): string[] {
  return [p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map(showMs)
}

function row (name: string, count: string, rate: string, clock: string, times: readonly string[]): string {
  const left = `${cut(name, nameWidth).padEnd(nameWidth)}${count.padStart(9)}${rate.padStart(9)}`
  return `${left}${clock.padStart(11)}${times.map((time) => time.padStart(9)).join('')}`.trimEnd()
}

function phaseTable (phases: readonly PhaseReport[], highlight: Highlight): string[] {
  const line = (name: string, cells: readonly string[]): string =>
    `${cut(name, nameWidth).padEnd(nameWidth)}${cells.map((cell) => cell.padStart(11)).join('')}`
  return [
    highlight('dim', line('phase', ['offered', 'answered', 'good', 'failed', 'p50', 'p99'])),
    ...phases.map(({ name, counts, latency }) =>
      line(name, [
        showPerSecond(counts.duePerSecond),
        showPerSecond(counts.answeredPerSecond),
        showPerSecond(counts.expectedPerSecond),
        String(counts.failed + counts.dropped),
        showMs(latency.p50Ms),
        showMs(latency.p99Ms),
      ])
    ),
  ]
}

/** What functions of the scenario did not like about answers. */
function complaintLines ({ journeys }: LoadReport, highlight: Highlight): string[] {
  return journeys.complaints
    .filter(({ from }) => from === 'judge')
    .map(({ request, message, count }) =>
      highlight('yellow', printable(`${request}: ${message} (${count} times)`))
    )
}

function generatorLines (
  { verdict, dispatchLag, health, connections }: LoadReport,
  highlight: Highlight
): string[] {
  const worst = (values: readonly number[]): number => Math.max(0, ...values)
  const cpu = health.reduce((sum, { cpuShare, spareShare }) => sum + Math.max(0, cpuShare - spareShare), 0)
  const delay = showMs(worst(health.map(({ loopDelayP99Ms }) => loopDelayP99Ms)))
  const threads = `${health.length} ${health.length === 1 ? 'thread' : 'threads'}`
  const isValid = verdict.state === 'valid'
  return [
    `generator: ${isValid ? highlight('green', 'kept up') : highlight('red', 'did not keep up')}`,
    ...verdict.reasons.map((reason) => `  ${highlight('red', printable(reason))}`),
    `  sent ${showMs(dispatchLag.p99Ms)} late at p99, ${showMs(dispatchLag.maxMs)} at most`,
    `  ${threads} busy ${Math.round(cpu * 100)}% of a core, event loop ${delay} late at p99`,
    `  ${connections.opened} connections opened, ${connections.openAtMost} at once`,
  ]
}

function thresholdTable ({ thresholds }: Conclusion, highlight: Highlight): string[] {
  const width = Math.max(0, ...thresholds.map(({ threshold }) => threshold.length))
  return thresholds.map((result) => {
    const mark = result.passed ? highlight('green', 'met    ') : highlight('red', 'not met')
    return `${mark}  ${result.threshold.padEnd(width)}  ${showActual(result)}`
  })
}

function finalLine (
  { state, reasons, thresholds }: Conclusion,
  { verdict }: LoadReport,
  highlight: Highlight
): string {
  const cause = verdict.state === 'void' ?
    'the generator could not do what was asked' :
    "the scenario's own code failed"
  const met = thresholds.filter(({ passed }) => passed).length
  const texts: Readonly<Record<RunState, string>> = {
    passed: thresholds.length === 0 ?
      'done (no thresholds were given)' :
      `passed: ${met} of ${met} thresholds met`,
    failed: thresholds.length === 0 ?
      `failed: ${printable(reasons.join('; '))}` :
      `failed: ${thresholds.length - met} of ${thresholds.length} thresholds not met`,
    void: `void: ${cause}, so these figures say nothing about the target`,
    interrupted: 'interrupted: the figures hold for what ran, and are judged by nothing',
  }
  return highlight(accents[state], texts[state])
}

function cut (text: string, width: number): string {
  const shown = printable(text)
  return shown.length < width ? shown : `${shown.slice(0, width - 2)}…`
}
