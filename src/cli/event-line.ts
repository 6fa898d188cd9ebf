import { formatDuration } from '../kernel/index.ts'
import type { StackFrame, SupervisorEvent, WorkerName } from '../serve/runtime/index.ts'
import type { Line } from './narrator.ts'

/** Says an event in a line; `undefined` for one that people need not hear of. */
export function eventLine (event: SupervisorEvent): Line | undefined {
  switch (event.kind) {
    case 'started':
      return { text: `supervisor ${event.pid} starts ${counted(event.workers, 'worker')}`, accent: 'dim' }
    case 'admin-listening':
      return { text: `admin ${hostPort(event)} (/metrics, /livez, /readyz, /startupz, /status)` }
    case 'worker-started':
    case 'progress':
      return undefined
    case 'worker-ready':
      return { text: `${named(event)} ready after ${took(event.bootMs)}`, accent: 'dim' }
    case 'listening':
      return { text: event.addresses.map((address) => `listening ${address}`).join('\n'), accent: 'green' }
    case 'booted':
      return { text: `${counted(event.workers, 'worker')} ready after ${took(event.tookMs)}` }
    case 'boot-failed':
      return { text: `plimsoll: ${event.error.message}`, accent: 'red' }
    case 'worker-draining':
      return { text: `${named(event)} drains: ${event.reason}`, accent: 'dim' }
    case 'worker-drained':
      return event.cut === 0 ?
        { text: `${named(event)} drained`, accent: 'dim' } :
        {
          text: `${named(event)} drained; ${counted(event.cut, 'connection')} cut at the end of the grace`,
          accent: 'yellow',
        }
    case 'worker-lost':
      return lost(event)
    case 'worker-stuck':
      return stuck(event)
    case 'crash-loop':
      return event.givenUp ?
        { text: `given up after ${counted(event.crashes, 'crash', 'crashes')} in a row`, accent: 'red' } :
        {
          text: `${counted(event.crashes, 'crash', 'crashes')} in a row; next try in ${took(event.waitMs)}`,
          accent: 'yellow',
        }
    case 'rotation':
      return { text: `${named(event)} is rotated: ${event.reason}`, accent: 'dim' }
    case 'reload-started':
      return { text: `reload to generation ${event.generation} (${event.cause})` }
    case 'reload-done':
      return {
        text: `reloaded: generation ${event.generation} serves, after ${took(event.tookMs)}`,
        accent: 'green',
      }
    case 'reload-rolled-back':
      return {
        text: `reload failed, generation ${event.kept} serves on: ${event.error.message}`,
        accent: 'red',
      }
    case 'restart-needed':
      return { text: `only a restart can change ${event.settings.join(', ')}`, accent: 'yellow' }
    case 'scaled':
      return { text: `scaled to ${counted(event.workers, 'worker')}` }
    case 'stopping':
      return { text: `stopping (${event.cause}): no new connections, requests in flight finish` }
    case 'stopped':
      return { text: `stopped, exit code ${event.exitCode}`, accent: 'dim' }
    case 'status-written':
      return { text: `status written to ${event.file}` }
    case 'trouble':
      return { text: `${event.message}: ${event.error.message}`, accent: 'yellow' }
  }
}

function lost (event: Extract<SupervisorEvent, { kind: 'worker-lost' }>): Line | undefined {
  // What it died of is told as the boot's or the reload's failure.
  if (event.reason === 'boot-failed' && event.error !== undefined) return undefined
  const how = event.signal ?? (event.code === null ? undefined : `exit code ${event.code}`)
  const causes = [how, event.error?.message].filter((cause) => cause !== undefined)
  const held = `${counted(event.inFlight, 'request')} in flight ${took(event.heartbeatAgeMs)} before`
  const words = event.error === undefined && event.lastWords !== '' ? `\n${indented(event.lastWords)}` : ''
  return {
    text: `${named(event)} lost: ${event.reason} (${causes.join('; ')}); ${held}${words}`,
    accent: 'red',
  }
}

function stuck (event: Extract<SupervisorEvent, { kind: 'worker-stuck' }>): Line {
  const where = event.stack.length > 0 ?
    event.stack.map(frameText).join('\n') :
    `  (no stack: ${event.stackError ?? 'none could be had'})`
  return { text: `${named(event)} is stuck: silent for ${took(event.silentMs)}, at\n${where}`, accent: 'red' }
}

function frameText (frame: StackFrame): string {
  const file = frame.file.replace(/^file:\/\//, '')
  return `  ${frame.function || '(anonymous)'} ${file}:${frame.line}:${frame.column}`
}

function indented (text: string): string {
  return text.trimEnd().split('\n').map((line) => `  ${line}`).join('\n')
}

function named ({ worker, pid }: WorkerName): string {
  return `worker ${worker} (pid ${pid})`
}

function hostPort ({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function counted (count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** Three digits are enough for people. */
function took (ms: number): string {
  return ms < 1_000 ? formatDuration(Math.round(ms)) : `${Number((ms / 1_000).toPrecision(3))}s`
}
