import type { Static, TSchema } from 'typebox'
import { SettingError } from '../../kernel/index.ts'
import type { EventType } from '../events/index.ts'
import { flawFinder } from './json-form.ts'
import type { Accepted, SagaData } from './machine/index.ts'
import type { Patch } from './patch.ts'

/** What a step makes of what it waited for. */
export interface Answer<Payload, Data> {
  /** @returns what to keep of it in the data */
  readonly take?: (payload: Payload, data: Data) => Patch<Data>
  /** @returns why the step has failed; `undefined` when it has not */
  readonly refuse?: (payload: Payload, data: Data) => string | undefined
}

/** One signal, or one type of event, that a step waits for. */
export interface WaitFor<Data> {
  readonly name: string
  /** Says why a payload does not fit. */
  readonly flawOf: (payload: unknown) => string | undefined
  readonly accept: (payload: unknown, data: SagaData) => Accepted
  readonly event?: WaitedEvent
  /** Only for the compiler: whose data it takes. */
  readonly forData?: (data: Data) => void
}

/** An event that finds its saga by a key. */
export interface WaitedEvent {
  readonly type: EventType
  readonly keyOf: (payload: unknown) => string
}

/**
 * Waits for a signal: a message to this one saga, by `sagas.signal` or `plimsoll saga signal`.
 *
 * ```ts
 * wait: { timeout: '2d', on: [onSignal('approved', Type.Object({ by: Type.String() }))] }
 * ```
 *
 * @param schema what is sent must fit it, or the sender gets `SAGA_SIGNAL_INVALID`
 * @throws SettingError for what is no schema
 */
export function onSignal<const Schema extends TSchema, Data> (
  name: string,
  schema: Schema,
  answer: Answer<Static<Schema>, NoInfer<Data>> = {}
): WaitFor<Data> {
  // An object that says nothing of a schema, such as `{ payload: ... }`, would let anything through.
  if (!isSchema(schema))
    throw new SettingError(`signal ${name}: schema`, 'a TypeBox type or a JSON Schema', schema)
  return { name, flawOf: flawFinder(schema), accept: accepting(name, answer) }
}

/**
 * Waits for an event of the outbox, or of a broker.
 *
 * @param answer.key the key of the saga that an event is for
 */
export function onEvent<Payload, Data> (
  event: EventType<Payload>,
  answer: Answer<NoInfer<Payload>, NoInfer<Data>> & { readonly key: (payload: NoInfer<Payload>) => string }
): WaitFor<Data> {
  return {
    name: event.type,
    // Whoever delivers an event has read and checked it.
    flawOf: () => undefined,
    accept: accepting(event.type, answer),
    event: { type: event as EventType, keyOf: answer.key as WaitedEvent['keyOf'] },
  }
}

const keywords = [
  'type',
  'anyOf',
  'oneOf',
  'allOf',
  'not',
  'enum',
  'const',
  'properties',
  '$ref',
  '$defs',
] as const

function isSchema (given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return false
  return '~kind' in given || keywords.some((keyword) => Object.hasOwn(given, keyword))
}

function accepting<Payload, Data> (
  name: string,
  { take, refuse }: Answer<Payload, Data>
): WaitFor<Data>['accept'] {
  return (payload, data) => {
    const message = refuse?.(payload as Payload, data as Data)
    if (message !== undefined)
      return { kind: 'refused', failure: { code: 'SAGA_STEP_REFUSED', message: `${name}: ${message}` } }
    return { kind: 'done', patch: take?.(payload as Payload, data as Data) as SagaData | undefined }
  }
}
