import { PgBoss } from 'pg-boss'
import { serveSubject } from './jobs-subject.js'

serveSubject(async ({ databaseUrl }) => {
  const boss = new PgBoss({ connectionString: databaseUrl, max: 20 })
  boss.on('error', () => {})
  await boss.start()
  await boss.createQueue('tiny')
  return {
    enqueue: (payload) => boss.send('tiny', payload),
    enqueueMany: (payloads) => boss.insert('tiny', payloads.map((data) => ({ data }))),
    async work ({ tuned, onJob }) {
      const options = tuned ? { localConcurrency: 2, batchSize: 500, burstWhenBatchFull: true } : {}
      const id = await boss.work('tiny', options, async (jobs) => {
        for (const { data } of jobs) onJob(data)
      })
      return () => boss.offWork('tiny', { id, wait: true })
    },
    close: () => boss.stop({ graceful: false }),
  }
})
