import { writeFile } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatDuration, SettingError } from '../../kernel/index.ts'
import { runLoad } from '../../plan/load/index.ts'
import {
  conclude,
  reportDocument,
  reportText,
  type RunHead,
  type RunState,
} from '../../plan/load/report/index.ts'
import {
  formatRate,
  loadScenario,
  planOf,
  resolveScenario,
  type Scenario,
} from '../../plan/load/scenario/index.ts'
import { parseThreshold, type Threshold } from '../../plan/load/thresholds/index.ts'
import type { Arguments } from '../command.ts'
import { UsageError } from '../errors.ts'
import { exitCodes } from '../exit-code.ts'
import { painter } from '../paint.ts'
import type { Surroundings } from '../surroundings.ts'
import { type LoadRequest, readLoadArguments } from './arguments.ts'
import { progressTeller } from './progress.ts'
import { probe, refuseRemote } from './target.ts'

const exitCodeOf: Readonly<Record<RunState, number>> = {
  passed: exitCodes.ok,
  failed: exitCodes.thresholdMissed,
  void: exitCodes.voidRun,
  interrupted: exitCodes.interrupted,
}

/** Runs a load test, and reports it. @returns the exit code */
export async function runLoadTest (given: Arguments, surroundings: Surroundings): Promise<number> {
  const { options } = given
  const request = readLoadArguments(given, surroundings)
  const output = typeof options['output'] === 'string' ?
    resolve(surroundings.directory, options['output']) :
    undefined
  const scenario = request.kind === 'url' ?
    resolveScenario(request.definition) :
    await loadScenario(request.module, request.overrides)
  const thresholds = thresholdsOf(scenario)
  refuseRemote(scenario.target, options['allow-remote'] === true)
  const plan = planOf(scenario, request.kind === 'url' ? undefined : sourceOf(request))

  using interrupts = surroundings.watchInterrupts()
  if (options['no-probe'] !== true) await probe(scenario.target, interrupts.signal)
  if (output !== undefined) await openOutput(output)
  const tell = progressTeller(options['json'] === true, surroundings)
  const report = await runLoad(plan, { onProgress: tell, signal: interrupts.signal }).finally(() =>
    tell.end()
  )

  const conclusion = conclude(report, thresholds)
  const head = headOf(scenario, request, surroundings)
  const document = `${JSON.stringify(reportDocument(report, conclusion, head, surroundings.version))}\n`
  if (output !== undefined) await writeFile(output, document)
  const { stdout } = surroundings
  stdout.write(
    options['json'] === true ? document : reportText(report, conclusion, head, painter(stdout, surroundings))
  )
  return exitCodeOf[conclusion.state]
}

function sourceOf (
  { module, overrides }: Extract<LoadRequest, { kind: 'scenario' }>
): Parameters<typeof planOf>[1] {
  return { module: module.href, overrides }
}

/** @throws SettingError for a threshold that cannot be read, or is of a request that there is not */
function thresholdsOf ({ thresholds, journeys }: Scenario): Threshold[] {
  const names = new Set(journeys.flatMap(({ steps }) => steps.map(({ name }) => name)))
  return thresholds.map((text) => {
    const threshold = parseThreshold(text)
    const { request } = threshold
    if (request === undefined || names.has(request)) return threshold
    throw new SettingError(`the request of threshold "${text}"`, `one of ${[...names].join(', ')}`, request)
  })
}

/** Tried before the run: a report that cannot be written would be a run in vain. */
async function openOutput (path: string): Promise<void> {
  try {
    await writeFile(path, '')
  } catch (error) {
    throw new UsageError(`--output ${path} cannot be written: ${(error as Error).message}`)
  }
}

function headOf (scenario: Scenario, request: LoadRequest, { directory }: Surroundings): RunHead {
  const { target, process, arrivals, seed = 1, timeoutMs } = scenario
  const parts = arrivals.map(({ fromPerSecond: from, toPerSecond: to, durationMs }) => {
    const rate = from === to ? formatRate(from) : `${formatRate(from)} to ${formatRate(to)}`
    return `${rate} for ${formatDuration(durationMs)}`
  })
  return {
    target: request.kind === 'url' ? target.origin + target.basePath : target.origin,
    scenario: request.kind === 'url' ? undefined : relative(directory, fileURLToPath(request.module)),
    load: `${process} ${
      parts.length > 4 ? `${parts.slice(0, 3).join(', ')} and ${parts.length - 3} more` : parts.join(', ')
    }`,
    seed,
    timeoutMs,
  }
}
