import { address, tcpAddressOrOff } from './address-kind.ts'
import { fileMode, integer, list, network, path, toggle } from './kind.ts'
import { type SettingGroup, type SettingSpec, spec } from './spec.ts'

const group: SettingGroup = 'Addresses'

/** Where the service is reached. */
export const addressSpecs: readonly SettingSpec[] = [
  spec('listen', {
    kind: list(address(), { least: 1 }),
    group,
    default: ['127.0.0.1:3000'],
    defaultIn: { kubernetes: ['0.0.0.0:3000'] },
    help: 'Where the service listens; may be repeated.',
  }),
  spec('admin', {
    kind: tcpAddressOrOff(),
    group,
    default: '127.0.0.1:3001',
    defaultIn: { kubernetes: '0.0.0.0:3001', work: '127.0.0.1:3002' },
    help: 'Where metrics, health and status are served.',
  }),
  spec('backlog', {
    kind: integer({ least: 1 }),
    group,
    default: 511,
    help: 'Connections the kernel holds until they are accepted; its somaxconn caps it.',
  }),
  spec('socketMode', {
    kind: fileMode(),
    group,
    default: '660',
    help: 'Permissions of a UNIX socket, in octal.',
  }),
  spec('tls.key', {
    kind: path(),
    group,
    help: 'File with the private key (PEM); goes with tls.cert.',
  }),
  spec('tls.cert', {
    kind: path(),
    group,
    help: 'File with the certificate chain (PEM); goes with tls.key.',
  }),
  spec('http2', {
    kind: toggle(),
    group,
    default: false,
    help: 'Offers HTTP/2 beside HTTP/1.1; needs TLS.',
  }),
  spec('trustProxy', {
    kind: list(network()),
    group,
    default: [],
    help: 'Proxies whose X-Forwarded-* headers are believed; may be repeated.',
  }),
]
