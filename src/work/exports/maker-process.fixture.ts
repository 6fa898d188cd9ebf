// Makes exports in a process of its own, which stands still at a place in order to be killed there.
import pg from 'pg'
import { governPool } from '../../data/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { openJobs } from '../jobs/index.ts'
import { entriesExport } from './exports.fixture.ts'
import { openExports } from './open-exports.ts'
import { directoryStore } from './store/index.ts'

/** Where a maker stands still: in the middle of a part, or when it is durable and not recorded yet. */
export interface MakerOrder {
  readonly url: string
  readonly path: string
  readonly stopAt?: { readonly part: number; readonly place: 'in the middle' | 'durable' } | undefined
}

process.once('message', async ({ url, path, stopAt }: MakerOrder) => {
  const registry = new MetricsRegistry()
  const own = new pg.Pool({ connectionString: url, max: 6 })
  own.on('error', () => {})
  const pool = governPool(own, { registry })
  const store = directoryStore({ path })
  const stand = (signal: AbortSignal | undefined): Promise<never> => {
    process.send?.('stands')
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)))
  }
  const standing: typeof store = {
    ...store,
    async write (name, bytes, signal) {
      const isHere = name.endsWith(`-${stopAt?.part}`)
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        for await (const piece of bytes) {
          yield piece
          if (stopAt?.place === 'in the middle') await stand(signal)
        }
      }
      const written = await store.write(name, isHere ? broken() : bytes, signal)
      return isHere ? stand(signal) : written
    },
  }
  const definition = entriesExport('entries')
  const jobs = await openJobs({ pool, jobs: [definition.job], lease: '1s', registry })
  await openExports({ pool, jobs, store: standing, exports: [definition], registry })
  await jobs.worker().start()
  process.send?.('started')
})
