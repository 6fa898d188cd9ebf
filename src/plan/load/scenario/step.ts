import { SettingError } from '../../../kernel/index.ts'
import type { RequestSpec } from '../plan.ts'
import { type HeaderFields, type Method, methods, type StepDefinition } from './definition.ts'
import { checkPath, encodeBody, mergeHeaders } from './request.ts'
import type { StepResponse } from './response.ts'
import { resolveThink, type Think, type ThinkTime } from './think.ts'
import type { Turn } from './turn.ts'

/** One request of a journey, checked. */
export interface Step {
  /** In the report. */
  readonly name: string
  /** Before it. */
  readonly think: ThinkTime
  /** The same object each time, for one that depends on nothing. */
  readonly fixed: RequestSpec | undefined
  /** @returns `undefined` to end the journey here. What the scenario's own functions throw is thrown on. */
  readonly plan: (turn: Turn) => RequestSpec | undefined
  /** For a step that looks beyond the status: what is wrong with an answer, `undefined` for nothing. */
  readonly judge: ((response: StepResponse) => string | undefined) | undefined
}

/** What a step has from its surroundings. */
export interface StepGround {
  /** Names the step in errors, e.g. `journeys[0].steps[1]`. */
  readonly setting: string
  /** By lower-case name. */
  readonly headers: HeaderFields
  readonly think: Think
  readonly basePath: string
}

/** @throws SettingError */
export function resolveStep (step: StepDefinition, ground: StepGround): Step {
  const { setting, basePath } = ground
  if (typeof step !== 'object' || step === null) {
    throw new SettingError(setting, 'a step: get(path), post(path, body) or { path }', step)
  }
  const { method = step.body === undefined ? 'GET' : 'POST', path, headers, body, expect } = step
  if (!methods.includes(method)) throw new SettingError(`${setting}.method`, methods.join(', '), method)
  if (typeof path !== 'function') checkPath(path, `${setting}.path`)
  const own = typeof headers === 'function' ? undefined : headers
  const plain = mergeHeaders(`${setting}.headers`, ground.headers, own)

  const name = nameOf(step, method, setting)
  const statuses = statusesOf(expect, setting)

  function plan (turn: Turn): RequestSpec | undefined {
    const where = typeof path === 'function' ? path(turn) : path
    if (where === undefined) return undefined
    const { body: bytes, headers: typed } = encodeBody(
      typeof body === 'function' ? body(turn) : body,
      `${setting}.body`
    )
    return {
      name,
      method,
      path: basePath + checkPath(where, `${setting}.path`),
      headers: typeof headers === 'function' ?
        mergeHeaders(`${setting}.headers`, typed, plain, headers(turn)) :
        { ...typed, ...plain },
      ...(bytes === undefined ? {} : { body: bytes }),
      ...(statuses === undefined ? {} : { expect: statuses }),
    }
  }

  const varies = [path, headers, body].some((part) => typeof part === 'function')
  return {
    name,
    think: resolveThink(step.think ?? ground.think, `${setting}.think`),
    // Without a function in it nothing of the turn is read.
    fixed: varies ? undefined : plan({} as Turn),
    plan,
    judge: typeof expect === 'function' ? (response) => faultOf(expect(response)) : undefined,
  }
}

function faultOf (verdict: boolean | string): string | undefined {
  if (verdict === true) return undefined
  return typeof verdict === 'string' ? verdict : 'not as expected'
}

function nameOf ({ name, path }: StepDefinition, method: Method, setting: string): string {
  if (typeof name === 'string' && name !== '') return name
  if (name === undefined && typeof path === 'string') return `${method} ${path.split('?', 1).join()}`
  throw new SettingError(`${setting}.name`, 'a name, where the path is a function', name)
}

function statusesOf (expect: StepDefinition['expect'], setting: string): readonly number[] | undefined {
  if (expect === undefined || typeof expect === 'function') return undefined
  const statuses = typeof expect === 'number' ? [expect] : expect
  const isList = Array.isArray(statuses) && statuses.length > 0 &&
    statuses.every((status) => Number.isInteger(status) && status >= 100 && status <= 599)
  if (isList) return statuses
  throw new SettingError(`${setting}.expect`, 'a status, a list of them, or a function', expect)
}
