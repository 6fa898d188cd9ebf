// A worker of Plimsoll's runtime that serves a plain request listener: what the supervisor promises is tested
// without the service on top of it. The module's default export is `(boot) => RequestListener`.
import type { RequestListener } from 'node:http'
import { Health } from '../../src/serve/health/index.ts'
import { formatListenAddress, type ListenAddress, openListener } from '../../src/serve/listen/index.ts'
import { runWorker } from '../../src/serve/runtime/worker/run-worker.ts'
import type { Served } from '../../src/serve/runtime/worker/served.ts'
import { MetricsRegistry } from '../../src/telemetry/index.ts'

export interface FixtureBoot {
  readonly generation: number
  readonly slot: number
  readonly progress: (message: string) => void
}

export type FixtureModule = (boot: FixtureBoot) => RequestListener | Promise<RequestListener>

runWorker({
  async open ({ settings, module, generation, slot }, hooks): Promise<Served> {
    const { default: create } = await import(module) as { default: FixtureModule }
    const handler = await create({ generation, slot, progress: hooks.onProgress })
    const health = new Health()
    const registry = new MetricsRegistry()
    const answered = registry.counter({ name: 'fixture_requests_total', help: 'Requests answered.' }).slot({})
    let inFlight = 0
    let requests = 0
    const listener = openListener({ addresses: settings.listen.map(addressOf), prepared: true })
    listener.attach((request, response) => {
      inFlight++
      response.once('close', () => {
        inFlight--
        requests++
        answered.add()
      })
      handler(request, response)
    })
    const addresses = await listener.listen()
    health.started()
    return {
      addresses: addresses.map(formatListenAddress),
      load: () => ({ inFlight, requests }),
      health: () => health.ready(),
      snapshot: () => registry.snapshot(),
      announceDrain: () => health.drain(),
      async drain () {
        const { grace: graceMs, idle: idleMs } = settings.drain
        return (await listener.drain({ graceMs, idleMs })).cut
      },
      setTicketKeys: (keys) => listener.setTicketKeys(Buffer.from(keys)),
    }
  },
})

function addressOf (text: string): ListenAddress {
  if (text.startsWith('unix:')) return { kind: 'unix', path: text.slice('unix:'.length) }
  const at = text.lastIndexOf(':')
  return { kind: 'tcp', host: text.slice(0, at), port: Number(text.slice(at + 1)) }
}
