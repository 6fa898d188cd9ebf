import { SettingError } from '../../../kernel/index.ts'
import { prepareRequest, resolveTarget, type Target } from '../client/index.ts'
import type { LoadPlan, Phase, Traffic } from '../plan.ts'
import { defaultPatienceMs } from './plan-defaults.ts'

const threadsAtMost = 256

/**
 * Checks all of a plan before anything is sent.
 *
 * @returns its targets, resolved
 * @throws SettingError
 */
export async function checkPlan (plan: LoadPlan): Promise<readonly Target[]> {
  const { targets, phases, traffic, connections, patienceMs = defaultPatienceMs, graceMs = 0 } = plan
  if (targets.length === 0) throw new SettingError('targets', 'a list of at least one', targets)
  if (phases.length === 0) throw new SettingError('phases', 'a list of at least one', phases)
  for (const [at, phase] of phases.entries()) checkPhase(phase, `phases[${at}]`)
  positive('patienceMs', patienceMs)
  notNegative('graceMs', graceMs)
  whole('threads', plan.threads ?? 1, 1, threadsAtMost)
  whole('maxInFlight', plan.maxInFlight ?? 1, 1)
  whole('seed', plan.seed ?? 1, 0, 2 ** 32 - 1)
  if (connections?.kind === 'keep-alive') {
    const { open = 0, maximum = Infinity } = connections
    whole('connections.open', open, 0)
    if (maximum !== Infinity) whole('connections.maximum', maximum, 1)
    if (open > maximum) throw new SettingError('connections.open', `at most the maximum (${maximum})`, open)
  }
  const resolved = await Promise.all(targets.map((target, at) => resolveTarget(target, `targets[${at}]`)))
  checkTraffic(traffic, resolved, patienceMs)
  return resolved
}

function checkPhase (phase: Phase, setting: string): void {
  const rate = (name: string, value: number): void => notNegative(`${setting}.${name}`, value)
  const time = (name: string, value: number): void => positive(`${setting}.${name}`, value)
  switch (phase.kind) {
    case 'constant':
    case 'poisson':
      rate('perSecond', phase.perSecond)
      return time('durationMs', phase.durationMs)
    case 'ramp':
      rate('fromPerSecond', phase.fromPerSecond)
      rate('toPerSecond', phase.toPerSecond)
      return time('durationMs', phase.durationMs)
    case 'steps':
      whole(`${setting}.steps`, phase.steps, 1)
      rate('fromPerSecond', phase.fromPerSecond)
      // The last level is the lowest, if they go down.
      rate('byPerSecond', phase.fromPerSecond + (phase.steps - 1) * phase.byPerSecond)
      return time('eachMs', phase.eachMs)
    case 'spike':
      rate('perSecond', phase.perSecond)
      rate('peakPerSecond', phase.peakPerSecond)
      rate('peakAtMs', phase.peakAtMs)
      rate('peakForMs', phase.peakForMs)
      if (phase.peakAtMs + phase.peakForMs <= phase.durationMs) return time('durationMs', phase.durationMs)
      throw new SettingError(`${setting}.durationMs`, 'at least as long as the peak needs', phase.durationMs)
    case 'replay':
      return checkReplay(phase.atMs, setting)
    case 'closed':
      whole(`${setting}.users`, phase.users, 1)
      return time('durationMs', phase.durationMs)
    case 'pause':
      return time('durationMs', phase.durationMs)
  }
}

function checkReplay (times: readonly number[] | Float64Array, setting: string): void {
  let before = 0
  for (const [at, time] of times.entries()) {
    if (!(time >= before && Number.isFinite(time))) {
      throw new SettingError(
        `${setting}.atMs[${at}]`,
        'a time from 0 that is not before its predecessor',
        time
      )
    }
    before = time
  }
}

function checkTraffic (traffic: Traffic, targets: readonly Target[], patienceMs: number): void {
  if (traffic.kind === 'module') {
    if (!URL.canParse(traffic.url)) throw new SettingError('traffic.url', 'a file: URL', traffic.url)
    return
  }
  const { journeys } = traffic
  if (journeys.length === 0) throw new SettingError('traffic.journeys', 'a list of at least one', journeys)
  for (const { name, weight = 1, steps } of journeys) {
    positive(`journey "${name}" weight`, weight)
    if (steps.length === 0) throw new SettingError(`journey "${name}" steps`, 'a list of at least one', steps)
    for (const { request } of steps) prepareRequest(request, { targets, patienceMs, closes: false })
  }
}

function positive (setting: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) throw new SettingError(setting, 'a number above 0', value)
}

function notNegative (setting: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value)))
    throw new SettingError(setting, 'a number of at least 0', value)
}

function whole (setting: string, value: number, low: number, high = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(value) && value >= low && value <= high) return
  const rule = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`
  throw new SettingError(setting, `a whole number ${rule}`, value)
}
