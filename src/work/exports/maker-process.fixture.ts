// Makes exports in a process of its own, which stands still at a place in order to be killed there.
import pg from 'pg'
import { governPool } from '../../data/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { openJobs } from '../jobs/index.ts'
import { killedExport } from './exports.fixture.ts'
import { openExports } from './open-exports.ts'
import { directoryStore } from './store/index.ts'

/** Where a maker stands still. */
export interface MakerOrder {
  readonly url: string
  readonly path: string
  readonly stopAt?: StopAt | undefined
}

export type StopAt =
  /** Before the first byte of a part, after some of it, or when its file is durable and not recorded yet. */
  | { readonly place: 'between parts' | 'in the middle' | 'durable'; readonly part: number }
  /** When the last part is recorded, and the job does not know yet; or when the first file has been deleted. */
  | { readonly place: 'done' | 'sweep' }

process.once('message', async ({ url, path, stopAt }: MakerOrder) => {
  const registry = new MetricsRegistry()
  const own = new pg.Pool({ connectionString: url, max: 6 })
  own.on('error', () => {})
  const pool = governPool(own, { registry })
  const store = directoryStore({ path })
  const stand = (signal?: AbortSignal): Promise<never> => {
    process.send?.('stands')
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)))
  }
  const standing: typeof store = {
    ...store,
    async write (name, bytes, signal) {
      if (stopAt === undefined || !('part' in stopAt) || !name.endsWith(`-${stopAt.part}`))
        return store.write(name, bytes, signal)
      if (stopAt.place === 'between parts') return stand(signal)
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        for await (const piece of bytes) {
          yield piece
          if (stopAt.place === 'in the middle') await stand(signal)
        }
      }
      await store.write(name, broken(), signal)
      return stand(signal)
    },
    async expire (prefix, beforeMs) {
      if (stopAt?.place !== 'sweep') return store.expire(prefix, beforeMs)
      for await (const { name } of store.list(prefix)) {
        await store.delete([name])
        return stand()
      }
      return 0
    },
  }
  const definition = killedExport()
  const { job } = definition
  const perform: typeof job.perform = async (input, run) => {
    await job.perform(input, run)
    if (stopAt?.place === 'done') await stand(run.signal)
  }
  const jobs = await openJobs({ pool, jobs: [{ ...job, perform }], lease: '1s', registry })
  const exports = await openExports({ pool, jobs, store: standing, exports: [definition], registry })
  if (stopAt?.place === 'sweep') await exports.upkeep()
  else await jobs.worker().start()
})
