import { SettingError } from '../../../kernel/index.ts'
import type { EventMessage } from '../../events/index.ts'

/** The topic of each message: one for all, or by what it is, e.g. `({ aggregateType }) => 'outbox.event.' + aggregateType`. */
export type KafkaTopic = string | ((message: EventMessage) => string)

const rule = 'letters, digits, ".", "-" and "_", at most 249'
const shape = /^[\w.-]{1,249}$/

/** @throws SettingError for a name that Kafka does not take */
export function checkTopic (topic: string): string {
  if (!isTopic(topic)) throw new SettingError('kafka.topic', rule, topic)
  return topic
}

export function isTopic (topic: string): boolean {
  return shape.test(topic) && topic !== '.' && topic !== '..'
}
