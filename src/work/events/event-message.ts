import type { LogPosition } from './log-position.ts'

/** An event as it travels: through the log, over a broker, to a consumer. */
export interface EventMessage {
  /** A UUID of version 7, the same wherever the event travels: what duplicates are told by. */
  readonly id: string
  /** What has happened: 'order.placed'. */
  readonly type: string
  /** The version of the type's schema that `payload` was written under; at least 1. */
  readonly version: number
  /** What it has happened to: 'order'. Brokers route by it. */
  readonly aggregateType: string
  /** Which one: events of one aggregate type and key are kept in order. */
  readonly key: string
  /** JSON text, as it was emitted. */
  readonly payload: string
  /**
   * Names in lower case. Those that Plimsoll writes, each where it is known, are of the unit of work that emitted it:
   * `traceparent`, `tracestate`, `plimsoll-tenant` and `plimsoll-cause` (its id).
   */
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds since 1970, by the clock of the server that keeps the log. */
  readonly occurredAtMs: number
  /** Where it stands in the log; unknown to what came from a broker that did not carry it. */
  readonly position?: LogPosition
}

/** One text for each aggregate: what is kept in order together. Different aggregates never share one. */
export function orderingKey ({ aggregateType, key }: Pick<EventMessage, 'aggregateType' | 'key'>): string {
  return `${aggregateType.length}:${aggregateType}${key}`
}
