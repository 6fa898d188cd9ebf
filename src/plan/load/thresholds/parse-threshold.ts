import { parseDuration, SettingError } from '../../../kernel/index.ts'
import { parseRate } from '../scenario/index.ts'
import type { Comparison, LatencyClock, Metric, Threshold } from './threshold.ts'

/** What a threshold looks like, for messages. */
const rule = 'METRIC[REQUEST] COMPARISON BOUND, such as "p99 < 250ms", "error_rate < 1%", "rate >= 195/s", ' +
  '"good(250ms) >= 98%" or "p99[GET /products] < 250ms"'

/** In characters; nobody writes longer ones, and the expression below is not asked to look at them. */
const longest = 300

// The name of a request may hold anything but a closing bracket.
const shape = /^\s*([a-z][\w.]*)\s*(?:\(\s*([^()]*?)\s*\))?\s*(?:\[([^\]]+)\])?\s*(<=|>=|<|>)\s*(\S+)\s*$/
const latency = /^(service_)?(?:p(\d{1,2}(?:\.\d{1,6})?)|(mean|max))$/

/**
 * Reads a threshold.
 *
 * @throws SettingError naming what is wrong with which part
 */
export function parseThreshold (text: string, setting = 'threshold'): Threshold {
  const parts = typeof text === 'string' && text.length <= longest ? shape.exec(text) : null
  if (parts === null) throw new SettingError(setting, rule, text)
  const [, name = '', argument, request, comparison, bound = ''] = parts
  const metric = metricOf(name, argument, setting)
  if (metric === undefined) {
    throw new SettingError(
      `the metric of ${setting} "${text}"`,
      'p50 to p99.999999, mean, max, service_p99 and the like, error_rate, errors, count, rate or good(TIME)',
      argument === undefined ? name : `${name}(${argument})`
    )
  }
  return {
    text: text.trim(),
    metric,
    request: request?.trim(),
    comparison: comparison as Comparison,
    bound: boundOf(metric, bound, `the bound of ${setting} "${text}"`),
  }
}

function metricOf (name: string, argument: string | undefined, setting: string): Metric | undefined {
  if (name === 'good') {
    return argument === undefined ?
      undefined :
      { kind: 'good', withinMs: parseDuration(argument, `the time of good() in ${setting}`) }
  }
  if (argument !== undefined) return undefined
  if (name === 'error_rate') return { kind: 'error-rate' }
  if (name === 'errors' || name === 'count' || name === 'rate') return { kind: name }
  const parts = latency.exec(name)
  if (parts === null) return undefined
  const clock: LatencyClock = parts[1] === undefined ? 'intended' : 'service'
  if (parts[3] === 'mean' || parts[3] === 'max') return { kind: parts[3], clock }
  // Divided as text, since 99.9 / 100 is not 0.999.
  return { kind: 'quantile', clock, quantile: Number(`${parts[2]}e-2`) }
}

function boundOf (metric: Metric, text: string, setting: string): number {
  switch (metric.kind) {
    case 'quantile':
    case 'mean':
    case 'max':
      return parseDuration(text, setting)
    case 'rate':
      return parseRate(text, setting)
    case 'errors':
    case 'count':
      if (/^\d{1,15}$/.test(text)) return Number(text)
      throw new SettingError(setting, 'a whole number', text)
    case 'error-rate':
    case 'good':
      return shareOf(text, setting)
  }
}

function shareOf (text: string, setting: string): number {
  const parts = /^(\d+(?:\.\d+)?)(%?)$/.exec(text)
  const share = parts === null ? NaN : Number(parts[2] === '%' ? `${parts[1]}e-2` : parts[1])
  if (share >= 0 && share <= 1) return share
  throw new SettingError(setting, 'a share such as "1%" or "0.01"', text)
}
