import { Type } from 'typebox'
import { type Duration, parseDuration, SettingError } from '../../kernel/index.ts'
import type { EventType } from '../events/index.ts'
import type { Tier } from '../jobs/index.ts'
import { buildSaga, type DefinedSaga } from './define-saga.ts'
import { onEvent } from './wait-for.ts'

/** An event that a flow begins with, goes on with, or ends with. */
export interface FlowEvent {
  readonly event: EventType
  readonly keyOf: (payload: unknown) => string
}

/** One thing that has to happen. */
export interface ExpectedEvent extends FlowEvent {
  /** After the one before it, or the start. */
  readonly within: Duration
  /** What a person is to do when it does not happen. */
  readonly runbook?: string | undefined
}

export interface FlowOptions {
  /** As of a saga: raise it when what is expected changes. */
  readonly version: number
  readonly start: FlowEvent
  /** In this order; one that comes too early is kept. */
  readonly expect: readonly ExpectedEvent[]
  /** Ends the flow wherever it is, and all is well: it was called off, say. @default none */
  readonly ends?: readonly FlowEvent[]
  /** @default 'within-1m' */
  readonly tier?: Tier
}

/** What is kept of a flow. */
export interface FlowData {
  readonly key: string
  /** The type of the event that ended it early. */
  readonly ended?: string
}

/**
 * What of an event names the flow that it is a part of.
 *
 * @param event from `defineEvent`
 */
export function flowEvent<Payload> (
  event: EventType<Payload>,
  keyOf: (payload: Payload) => string
): FlowEvent {
  return { event: event as EventType, keyOf: keyOf as FlowEvent['keyOf'] }
}

/**
 * Watches a flow that nobody directs: consumers react to each other's events, and this sees that it gets to its end. It
 * does nothing but wait. Where something does not happen in time it is parked, and told as any saga that is; it goes on
 * by itself when the event comes after all.
 *
 * ```ts
 * export const orderFlow = watchFlow('order-flow', {
 *   version: 1,
 *   start: flowEvent(orderPlaced, ({ orderId }) => orderId),
 *   expect: [{ ...flowEvent(orderShipped, ({ orderId }) => orderId), within: '2d', runbook: 'Ask the warehouse.' }],
 * })
 * ```
 *
 * @throws SettingError
 */
export function watchFlow (
  name: string,
  { version, start, expect, ends = [], tier = 'within-1m' }: FlowOptions
): DefinedSaga<FlowData> {
  if (expect.length === 0) throw new SettingError(`flow ${name}: expect`, 'at least one event', expect)
  const wholeMs = expect.reduce((sum, { within }) => sum + parseDuration(within, `flow ${name}: within`), 0)
  return buildSaga(name, {
    version,
    data: Type.Object({ key: Type.String(), ended: Type.Optional(Type.String()) }),
    // Each wait has its own end, which says more; this one is for those that were resumed again and again.
    deadline: 2 * wholeMs,
    key: ({ key }) => key,
    tier,
    startOn: { event: start.event, data: (payload) => ({ key: start.keyOf(payload) }) },
    steps: expect.map(({ event, keyOf, within, runbook }, at) => ({
      name: `${event.type.toLowerCase().replaceAll(/[^a-z\d]+/g, '-').slice(0, 50)}-${at + 1}`,
      wait: {
        timeout: within,
        on: [
          onEvent<unknown, FlowData>(event, { key: keyOf }),
          ...ends.map((end) =>
            onEvent<unknown, FlowData>(end.event, { key: end.keyOf, take: () => ({ ended: end.event.type }) })
          ),
        ],
      },
      next: ({ ended }: FlowData) => ended === undefined ? undefined : 'end',
      ...(runbook === undefined ? {} : { runbook }),
    })),
  }, true)
}
