import { readFile } from 'node:fs/promises'
import { flushCompileCache } from 'node:module'
import { localEngine } from '../../../engines/index.ts'
import { Lifecycle } from '../../../kernel/index.ts'
import { accessLog, createLogger, MetricsRegistry, processMetrics } from '../../../telemetry/index.ts'
import { Health, sayChange } from '../../health/index.ts'
import { formatListenAddress, type Listener, openListener, type TlsMaterial } from '../../listen/index.ts'
import { buildService, loadService, type ServiceEnvironment, type ServiceWork } from '../../service/index.ts'
import { parseAddress, type Settings } from '../../settings/index.ts'
import type { BootOrder } from '../protocol.ts'
import { openTracer } from './open-tracer.ts'
import { requestLoad } from './request-load.ts'
import type { Served, ServeHooks } from './served.ts'

/** Boots a Plimsoll service in this process, up to and including listening. */
export async function openService (order: BootOrder, hooks: ServeHooks): Promise<Served> {
  const { settings, module, worker } = order
  hooks.onProgress('loading the service')
  const service = await loadService(new URL(module))

  const { name, version } = service
  const registry = new MetricsRegistry()
  const logger = createLogger({
    ...settings.log,
    format: logFormat(settings, order.mode),
    name,
    bindings: { worker },
  })
  hooks.onFatal((error) => logger.fatal({ err: error }, 'uncaught error: this worker ends'))
  const health = new Health({
    onChange (change) {
      const { name: check, report, error, failedMs } = change
      const level = report.status === 'pass' ? 'info' : 'warn'
      logger[level]({ check, report, failed_ms: failedMs, err: error }, sayChange(change))
    },
  })
  const lifecycle = new Lifecycle()
  const tracer = openTracer(settings.trace, { name, version }, registry)
  await lifecycle.start({ name: 'tracer', close: () => tracer.close() })
  await lifecycle.start({ name: 'process metrics', close: processMetrics(registry) })
  const local = localEngine({ channel: { ...hooks.local, close: () => {} } })
  await lifecycle.start({ name: 'local engine', close: () => local.close() })

  const listener = settings.listen.length === 0 ? undefined : openListener(await listenOptions(order))
  const environment: ServiceEnvironment = {
    settings,
    telemetry: {
      registry,
      tracer,
      logger,
      accessLog: accessLog({
        logger,
        slowMs: settings.accessLog.slow,
        sampleRatio: settings.accessLog.sample,
      }),
    },
    health,
    ...(listener === undefined ? {} : { listener }),
    local: await local.connect(),
    lifecycle,
    onProgress: hooks.onProgress,
  }
  try {
    const { work } = await buildService(service, environment)
    const bound = await listener?.listen() ?? []
    await work.start()
    health.started()
    // By the end of the process, when Node would do it, a killed worker has lost it.
    setImmediate(flushCompileCache)
    return served({ settings, bound: bound.map(formatListenAddress), listener, lifecycle, work, environment })
  } catch (error) {
    await lifecycle.close()
    throw error
  }
}

function served ({ settings, bound, listener, lifecycle, work, environment: { health, telemetry } }: {
  readonly settings: Settings
  readonly bound: readonly string[]
  readonly listener: Listener | undefined
  readonly lifecycle: Lifecycle
  readonly work: ServiceWork
  readonly environment: ServiceEnvironment
}): Served {
  const { registry } = telemetry
  return {
    addresses: bound,
    load: () => requestLoad(registry.snapshot()),
    health: () => health.ready(),
    snapshot: () => registry.snapshot(),
    announceDrain: () => health.drain(),
    async drain () {
      const { grace: graceMs, idle: idleMs } = settings.drain
      const [drained] = await Promise.all([listener?.drain({ graceMs, idleMs }), work.drain(graceMs)])
      await lifecycle.close()
      return drained?.cut ?? 0
    },
    setTicketKeys: (keys) => listener?.setTicketKeys(Buffer.from(keys)),
  }
}

async function listenOptions (
  { settings, ticketKeys }: BootOrder
): Promise<Parameters<typeof openListener>[0]> {
  const { listen, backlog, socketMode, http2, limits } = settings
  const tls = await tlsMaterial(settings, ticketKeys)
  return {
    // Settings have been checked: what is no address does not come here.
    addresses: listen.flatMap((text) => parseAddress(text) ?? []),
    backlog,
    socketMode,
    // The supervisor makes the paths of UNIX sockets ready, once for all workers.
    prepared: true,
    http2,
    ...(tls === undefined ? {} : { tls }),
    limits: {
      headerSize: limits.headerSize,
      headersTimeoutMs: limits.headersTimeout,
      requestTimeoutMs: limits.requestTimeout,
      keepAliveTimeoutMs: limits.keepAliveTimeout,
      requestsPerConnection: limits.requestsPerConnection,
      connections: limits.connections,
    },
  }
}

/** Read anew by each generation: a reload brings a renewed certificate into use. */
async function tlsMaterial (
  { tls: { key, cert } }: Settings,
  ticketKeys: Uint8Array | undefined
): Promise<TlsMaterial | undefined> {
  if (key === undefined || cert === undefined) return undefined
  return {
    key: await readFile(key),
    cert: await readFile(cert),
    ...(ticketKeys === undefined ? {} : { ticketKeys: Buffer.from(ticketKeys) }),
  }
}

/** `auto` is for people who develop: what is served is read by machines, also on a terminal. */
function logFormat ({ log: { format } }: Settings, mode: BootOrder['mode']): Settings['log']['format'] {
  return format === 'auto' && mode !== 'dev' ? 'json' : format
}
