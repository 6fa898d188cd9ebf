import { duration, integer, size } from './kind.ts'
import { type SettingGroup, type SettingSpec, spec } from './spec.ts'

const group: SettingGroup = 'Request limits'

/** What one client may take, before a handler sees it. */
export const requestSpecs: readonly SettingSpec[] = [
  spec('limits.headerSize', {
    kind: size({ least: 1024 }),
    group,
    default: '16KiB',
    help: 'Largest request line and headers together; beyond it: 431.',
  }),
  spec('limits.bodySize', {
    kind: size(),
    group,
    default: '1MiB',
    help: 'Largest request body; beyond it: 413.',
  }),
  spec('limits.headersTimeout', {
    kind: duration({ above: 0 }),
    group,
    default: '10s',
    help: 'Cuts off a request whose headers take longer; at most limits.requestTimeout.',
  }),
  spec('limits.requestTimeout', {
    kind: duration({ above: 0 }),
    group,
    default: '60s',
    help: 'Cuts off a request that takes longer to arrive, body included.',
  }),
  spec('limits.keepAliveTimeout', {
    kind: duration({ above: 0 }),
    group,
    default: '65s',
    help: 'Closes a connection idle for so long; keep it above that of the proxy in front.',
  }),
  spec('limits.requestsPerConnection', {
    kind: integer({ least: 0 }),
    group,
    default: 0,
    help: 'Closes a connection after so many requests; 0 for no limit.',
  }),
  spec('limits.connections', {
    kind: integer({ least: 0 }),
    group,
    default: 0,
    help: 'Connections each worker holds at once; 0 for no limit.',
  }),
]
