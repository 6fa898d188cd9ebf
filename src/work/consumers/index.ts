export type { Backlog, Delivery, EventSource, EventStream, Subscription } from './event-source.ts'
