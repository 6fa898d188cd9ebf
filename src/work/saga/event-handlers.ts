import type { Transaction } from '../../data/index.ts'
import type { EventMessage, EventType } from '../events/index.ts'
import { SagaConflictError, SagaDefinitionUnknownError } from './errors.ts'
import type { SagaData } from './machine/index.ts'
import type { SagaTicket } from './saga-options.ts'
import type { SagaPlan } from './saga-plan.ts'
import type { SagaStore } from './saga-store.ts'
import type { SagaHandling, Sagas } from './sagas.ts'
import type { Transitions } from './transitions.ts'

export interface EventHandlerParts {
  readonly plans: readonly SagaPlan[]
  readonly store: SagaStore
  readonly transitions: Transitions
  readonly start: (tx: Transaction, plan: SagaPlan, data: SagaData) => Promise<SagaTicket>
}

/** What sagas do about events: each type starts sagas, or is a signal to the one whose key it names. */
export function eventHandlers (parts: EventHandlerParts): Sagas['handlers'] {
  const types = new Map<string, EventType>()
  for (const { events, startsOn } of parts.plans) {
    for (const { type } of events) types.set(type.type, type)
    if (startsOn !== undefined) types.set(startsOn.event.type, startsOn.event)
  }
  return [...types.values()].map((event) =>
    event.handle<SagaHandling>(async (payload, { tx, message }) => {
      for (const plan of newest(parts.plans)) {
        if (plan.startsOn?.event.type === event.type) await parts.start(tx, plan, plan.startsOn.data(payload))
      }
      await deliver(parts, tx, message, payload)
    })
  )
}

/** Of the versions of a saga the one that new ones are started of. */
function newest (plans: readonly SagaPlan[]): readonly SagaPlan[] {
  return plans.filter(({ shape }) =>
    plans.every((other) => other.shape.name !== shape.name || other.shape.version <= shape.version)
  )
}

/** An event that no saga is about is none of theirs, and passed over. */
async function deliver (
  { plans, store, transitions }: EventHandlerParts,
  tx: Transaction,
  { id, type: name }: EventMessage,
  payload: unknown
): Promise<void> {
  const told = new Set<string>()
  for (const { shape, events } of plans) {
    for (const { type, keyOf } of events) {
      if (type.type !== name) continue
      const key = keyOf(payload)
      const saga = told.has(`${shape.name} ${key}`) ? undefined : await store.lockByKey(tx, shape.name, key)
      if (saga === undefined) continue
      told.add(`${shape.name} ${key}`)
      const plan = transitions.planOf(saga)
      // The consumer tries again, here or in a process that knows the definition.
      if (plan === undefined) throw new SagaDefinitionUnknownError(saga.name, saga.version)
      if (!plan.shape.hears(name)) continue
      const { verdict, reason = '' } = await transitions.apply(tx, saga, plan, {
        kind: 'signal',
        signal: { id, name, payload },
      })
      if (verdict === 'refused') throw new SagaConflictError(saga.id, 'told of an event', reason)
    }
  }
}
