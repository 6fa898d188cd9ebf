import type { Static, TSchema } from 'typebox'
import { parseDuration, SettingError } from '../../kernel/index.ts'
import { promiseMsOf } from '../jobs/index.ts'
import { desks } from './desk.ts'
import { flawFinder } from './json-form.ts'
import { end, type SagaData, type SagaShape, type StepShape } from './machine/index.ts'
import { actShapeOf, plannedAction } from './planned-action.ts'
import type { Action, Saga, SagaOptions, StartsOn, Step } from './saga-options.ts'
import type { SagaPlan } from './saga-plan.ts'
import type { Undoing } from './step-run.ts'
import type { WaitFor } from './wait-for.ts'

const sagaName = /^[a-zA-Z][\w.:-]{0,99}$/
const stepName = /^[a-z][a-z\d-]{0,59}$/

/** A definition, with what runs it. */
export interface DefinedSaga<Data = unknown> extends Saga<Data> {
  readonly plan: SagaPlan
}

/**
 * Says what a saga is: data, not a program that is replayed. What is stored of it are its name, its version, its data
 * and the step it is at; functions are looked up in the definition of that version when they are needed.
 *
 * ```ts
 * export const checkout = defineSaga('checkout', {
 *   version: 1,
 *   data: Type.Object({ orderId: Type.String(), cents: Type.Integer() }),
 *   deadline: '1h',
 *   steps: [
 *     { name: 'reserve', local: takeStock, compensate: { local: returnStock } },
 *     { name: 'charge', http: { request: chargeRequest }, compensate: { http: { request: refundRequest } } },
 *     { name: 'ship', pivot: true, local: askForShipment, wait: { timeout: '20m', on: [onEvent(shipped, { key })] } },
 *   ],
 * })
 * ```
 *
 * @param name stable over releases: sagas are stored under it
 * @throws SettingError when a part breaks its rule
 */
export function defineSaga<const Schema extends TSchema> (
  name: string,
  options: SagaOptions<Schema>
): DefinedSaga<Static<Schema>> {
  return buildSaga(name, options)
}

/** @param isForwardOnly whether its point of no return is behind it from the start */
export function buildSaga<const Schema extends TSchema> (
  name: string,
  options: SagaOptions<Schema>,
  isForwardOnly = false
): DefinedSaga<Static<Schema>> {
  if (!sagaName.test(name))
    throw new SettingError(
      'saga name',
      'letters, digits and . _ : -, beginning with a letter, at most 100',
      name
    )
  const { version, tier = 'within-5s' } = options
  const setting = (part: string): string => `saga ${name}: ${part}`
  if (!(Number.isInteger(version) && version >= 1 && version < 2 ** 31))
    throw new SettingError(setting('version'), 'a whole number of at least 1', version)
  promiseMsOf(tier, setting('tier'))
  const steps = options.steps as unknown as readonly Step<SagaData>[]
  checkSteps(steps, setting)
  const marked = steps.findIndex((step) => step.pivot === true)
  const pivot = isForwardOnly ? -1 : marked === -1 ? undefined : marked
  const plan = planOf(
    {
      name,
      version,
      steps: steps.map((step, at) =>
        shapeOf(step, setting(`step ${step.name}`), at >= (pivot ?? steps.length))
      ),
      ...(pivot === undefined ? {} : { pivot }),
      deadlineMs: above0(options.deadline, setting('deadline')),
      flawOf: flawFinder(options.data),
      hears: (signal) => waitsOf(steps).some((wait) => wait.name === signal),
    },
    steps,
    { ...options, tier } as unknown as PlanOptions
  )
  const saga: DefinedSaga<Static<Schema>> = {
    name,
    version,
    plan,
    start: async (tx, data, startOptions) => desks.of(tx).start(tx, saga, data, startOptions),
    signal: async (tx, key, signal) => desks.of(tx).signal(tx, { saga: name, key }, signal),
  }
  return saga
}

interface PlanOptions {
  readonly tier: SagaPlan['tier']
  readonly key?: (data: SagaData) => string
  readonly startOn?: StartsOn<SagaData>
}

function planOf (shape: SagaShape, steps: readonly Step<SagaData>[], options: PlanOptions): SagaPlan {
  const waits = waitsOf(steps)
  return {
    shape,
    tier: options.tier,
    actions: new Map(steps.map((step) => [step.name, {
      ...(isAction(step) ? { act: plannedAction(step) } : {}),
      ...(isUndoable(step) ? { undo: plannedAction<Undoing>(step.compensate) } : {}),
    }])),
    runbooks: new Map(steps.flatMap(({ name, runbook, compensate }) => {
      const undo = compensate === 'nothing' ? undefined : compensate?.runbook
      return [
        ...(runbook === undefined ? [] : [[name, runbook] as const]),
        ...(undo === undefined ? [] : [[`${name}:undo`, undo] as const]),
      ]
    })),
    waits: Map.groupBy(waits, (wait) => wait.name) as unknown as SagaPlan['waits'],
    events: waits.flatMap(({ event }) => event ?? []),
    startsOn: options.startOn,
    keyOf: options.key,
    fingerprint: JSON.stringify([
      shape.pivot ?? null,
      ...shape.steps.map(({ name, act, wait, undo, onFailure }) => [
        name,
        act === undefined ? '' : act.atomic ? 'local' : 'remote',
        undo === undefined ? '' : undo.atomic ? 'local' : 'remote',
        wait === undefined ? '' : 'wait',
        onFailure ?? '',
      ]),
    ]),
  }
}

function waitsOf (steps: readonly Step<SagaData>[]): readonly WaitFor<SagaData>[] {
  return steps.flatMap(({ wait }) => wait?.on ?? [])
}

type Setting = (part: string) => string

function checkSteps (steps: readonly Step<SagaData>[], setting: Setting): void {
  if (!Array.isArray(steps) || steps.length === 0)
    throw new SettingError(setting('steps'), 'at least one', steps)
  const names = steps.map(({ name }) => name)
  for (const [at, step] of steps.entries()) {
    const { name, onFailure, pivot, wait } = step
    if (!stepName.test(name) || name === end || names.indexOf(name) !== at) {
      const rule = `lower-case letters, digits and "-", beginning with a letter, not "${end}", each once`
      throw new SettingError(setting('name of a step'), rule, name)
    }
    if (!isAction(step) && wait === undefined)
      throw new SettingError(
        setting(`step ${name}`),
        'an action (local, remote or http), a wait, or both',
        step
      )
    if (onFailure !== undefined && names.indexOf(onFailure) <= at)
      throw new SettingError(setting(`step ${name}: onFailure`), 'the name of a later step', onFailure)
    if (pivot === true && steps.findIndex((other) => other.pivot === true) !== at)
      throw new SettingError(setting('pivot'), 'at most one step', name)
  }
}

function shapeOf (step: Step<SagaData>, setting: string, isBehind: boolean): StepShape {
  const { name, wait, compensate, onFailure, next } = step
  if (isBehind && isUndoable(step)) {
    const rule = 'left out of the point of no return and what comes after it: it would never run'
    throw new SettingError(`${setting}: compensate`, rule, 'a compensation')
  }
  if (!isBehind && isAction(step) && compensate === undefined) {
    throw new SettingError(
      `${setting}: compensate`,
      `said before the point of no return: how the action is undone, or 'nothing' where there is nothing to undo`,
      undefined
    )
  }
  if (!isAction(step) && isUndoable(step))
    throw new SettingError(
      `${setting}: compensate`,
      'of an action; waiting leaves nothing to undo',
      'a compensation'
    )
  if (wait !== undefined && wait.on.length === 0)
    throw new SettingError(`${setting}: wait.on`, 'at least one signal or event', wait.on)
  return {
    name,
    ...(isAction(step) ? { act: actShapeOf(step, setting, { attempts: 5, cap: '1m' }) } : {}),
    ...(isUndoable(step) ?
      { undo: actShapeOf(step.compensate, `${setting}: compensate`, { attempts: 10, cap: '5m' }) } :
      {}),
    ...(wait === undefined ? {} : {
      wait: { timeoutMs: above0(wait.timeout, `${setting}: wait.timeout`), accept: acceptOf(wait.on) },
    }),
    ...(onFailure === undefined ? {} : { onFailure }),
    ...(next === undefined ? {} : { next }),
  }
}

function acceptOf (waits: readonly WaitFor<SagaData>[]): NonNullable<StepShape['wait']>['accept'] {
  return ({ name, payload }, data) =>
    waits.find((wait) => wait.name === name && wait.flawOf(payload) === undefined)?.accept(payload, data)
}

function isAction ({ local, remote, http }: Action<SagaData>): boolean {
  return local !== undefined || remote !== undefined || http !== undefined
}

function isUndoable<Part extends Pick<Step<SagaData>, 'compensate'>> (
  step: Part
): step is Part & { readonly compensate: Action<SagaData, Undoing> } {
  return step.compensate !== undefined && step.compensate !== 'nothing'
}

function above0 (value: unknown, setting: string): number {
  const ms = parseDuration(value, setting)
  if (!(ms > 0)) throw new SettingError(setting, 'above 0', value)
  return ms
}
