/** Jobs as a service has them: schema-checked payloads, fair tags, leases, retries, dead letters, metrics. */
import pg from 'pg'
import { Type } from 'typebox'
import { MetricsRegistry } from '../../src/telemetry/index.ts'
import { defineJob, openJobs } from '../../src/work/jobs/index.ts'
// @ts-expect-error plain JavaScript, since the peers, which are not type-checked, use it too
import { serveSubject } from '../peers/jobs-subject.js'
import type { Payload, Subject, Urls, Work } from './subject.ts'

async function open ({ databaseUrl }: Urls): Promise<Subject> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 20 })
  pool.on('error', () => {})
  let onJob: (payload: Payload) => void = () => {}
  const tiny = defineJob('tiny', {
    input: Type.Object({ n: Type.Number(), at: Type.Number() }),
    run: async (payload) => onJob(payload),
  })
  const jobs = await openJobs({ pool, jobs: [tiny], registry: new MetricsRegistry() })
  return {
    enqueue: (payload) => jobs.enqueue(pool, tiny, payload, { tenant: 'acme' }),
    enqueueMany: (payloads) => jobs.enqueueMany(pool, tiny, payloads, { tenant: 'acme' }),
    // The defaults are what is tuned.
    async work (options: Work) {
      onJob = options.onJob
      const worker = jobs.worker()
      await worker.start()
      return () => worker.drain(1_000)
    },
    async close () {
      await jobs.close()
      await pool.end()
    },
  }
}

serveSubject(open)
