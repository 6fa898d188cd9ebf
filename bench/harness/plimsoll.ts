import { fileURLToPath } from 'node:url'
import { type Address, plainAddress, type ServerCommand } from './server.ts'

const ownCommand = fileURLToPath(new URL('../../bin/plimsoll.js', import.meta.url))

export interface PlimsollOptions {
  readonly workers: number
  /** Further flags of `plimsoll serve`. */
  readonly flags?: readonly string[]
  /** Which `plimsoll` is run. @default this checkout's, from its sources */
  readonly command?: string
}

/** `plimsoll serve MODULE` on ports of the system's choice, reporting in JSON. */
export function plimsollServe (module: URL, options: PlimsollOptions): ServerCommand {
  const { workers, flags = [], command = ownCommand } = options
  const listen = ['--listen', '127.0.0.1:0', '--workers', String(workers), '--json']
  return {
    argv: [process.execPath, command, 'serve', fileURLToPath(module), ...listen, ...flags],
    addressIn: (line) => plimsollAddress(line, 'listening'),
  }
}

/**
 * Finds an address in an event line of `plimsoll serve --json`.
 *
 * @param event `listening` is the service's port, `admin-listening` the admin port
 */
export function plimsollAddress (line: string, event: 'listening' | 'admin-listening'): Address | undefined {
  if (!line.startsWith('{')) return undefined
  const said = JSON.parse(line) as PlimsollEvent
  if (said.event !== event) return undefined
  if (said.host !== undefined && said.port !== undefined) return { host: said.host, port: said.port }
  return plainAddress(`listening ${said.addresses?.[0]}`)
}

/** What this harness reads of an event; the line carries more. */
interface PlimsollEvent {
  readonly event?: string
  readonly addresses?: readonly string[]
  readonly host?: string
  readonly port?: number
}
