import { formatDuration } from '../../kernel/index.ts'
import { clash, parseAddress } from './address.ts'
import type { SettingKey, Settings } from './settings.ts'

/** What values must satisfy together. */
export interface Rule {
  /** The settings it looks at, the one to blame first. */
  readonly keys: readonly [SettingKey, ...SettingKey[]]
  /** What the first of `keys` must be, to follow "must be"; `undefined` when the rule is kept. */
  broken(settings: Settings): string | undefined
}

export const rules: readonly Rule[] = [
  {
    keys: ['tls.key', 'tls.cert'],
    broken: ({ tls }) =>
      tls.key === undefined && tls.cert !== undefined ? 'given together with tls.cert' : undefined,
  },
  {
    keys: ['tls.cert', 'tls.key'],
    broken: ({ tls }) =>
      tls.cert === undefined && tls.key !== undefined ? 'given together with tls.key' : undefined,
  },
  {
    keys: ['http2', 'tls.key', 'tls.cert'],
    broken: ({ http2, tls }) =>
      http2 && tls.key === undefined && tls.cert === undefined ?
        'false without tls.key and tls.cert' :
        undefined,
  },
  {
    keys: ['drain.idle', 'drain.grace'],
    broken: ({ drain }) =>
      drain.idle > drain.grace ? `at most drain.grace (${formatDuration(drain.grace)})` : undefined,
  },
  {
    keys: ['heartbeat.stuckAfter', 'heartbeat.interval'],
    broken: ({ heartbeat }) =>
      heartbeat.stuckAfter <= heartbeat.interval ?
        `above heartbeat.interval (${formatDuration(heartbeat.interval)})` :
        undefined,
  },
  {
    keys: ['crash.backoffBase', 'crash.backoffCap'],
    broken: ({ crash }) =>
      crash.backoffBase > crash.backoffCap ?
        `at most crash.backoffCap (${formatDuration(crash.backoffCap)})` :
        undefined,
  },
  {
    // node:http refuses to start otherwise, with a message about its own options.
    keys: ['limits.headersTimeout', 'limits.requestTimeout'],
    broken: ({ limits }) =>
      limits.headersTimeout > limits.requestTimeout ?
        `at most limits.requestTimeout (${formatDuration(limits.requestTimeout)})` :
        undefined,
  },
  {
    keys: ['deadline.default', 'deadline.max'],
    broken: ({ deadline }) =>
      deadline.default > deadline.max ? `at most deadline.max (${formatDuration(deadline.max)})` : undefined,
  },
  {
    keys: ['idempotency.keep', 'idempotency.lease'],
    broken: ({ idempotency }) =>
      idempotency.keep <= idempotency.lease ?
        `above idempotency.lease (${formatDuration(idempotency.lease)})` :
        undefined,
  },
  {
    // Readers note where they are each ten seconds, and a process may be away for a deploy or a night.
    keys: ['events.forsakeAfter'],
    broken: ({ events }) =>
      events.forsakeAfter > 0 && events.forsakeAfter < 3_600_000 ? '0s (never) or at least 1h' : undefined,
  },
  {
    keys: ['listen'],
    broken: ({ listen }) =>
      listen.some((one, at) => listen.slice(at + 1).some((other) => clashing(one, other))) ?
        'addresses that can be bound side by side' :
        undefined,
  },
  {
    keys: ['admin', 'listen'],
    broken ({ admin, listen }) {
      const taken = listen.find((address) => clashing(address, admin))
      return taken === undefined ? undefined : `another address than listen (${taken}), or "off"`
    },
  },
]

function clashing (a: string, b: string): boolean {
  const [one, other] = [parseAddress(a), parseAddress(b)]
  return one !== undefined && other !== undefined && clash(one, other)
}
