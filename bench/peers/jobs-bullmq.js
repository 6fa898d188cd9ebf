// node jobs-bullmq.js redis|postgres
import { createPostgresBackend, Queue, withBackend, Worker } from 'bullmq'
import { serveSubject } from './jobs-subject.js'

const isPostgres = process.argv[2] === 'postgres'
const classes = isPostgres ? withBackend(createPostgresBackend) : { Queue, Worker }

serveSubject(async ({ databaseUrl, redisUrl }) => {
  const connection = isPostgres ? { connectionString: databaseUrl, migrate: true } : connectionOf(redisUrl)
  const defaultJobOptions = { removeOnComplete: true, removeOnFail: true }
  const queue = new classes.Queue('tiny', { connection, defaultJobOptions })
  await queue.waitUntilReady()
  return {
    enqueue: (payload) => queue.add('tiny', payload),
    enqueueMany: (payloads) => queue.addBulk(payloads.map((data) => ({ name: 'tiny', data }))),
    async work ({ tuned, onJob }) {
      const worker = new classes.Worker('tiny', async ({ data }) => onJob(data), {
        connection,
        ...(tuned ? { concurrency: 100 } : {}),
      })
      worker.on('error', () => {})
      await worker.waitUntilReady()
      return () => worker.close()
    },
    close: () => queue.close(),
  }
})

function connectionOf (url) {
  const { hostname, port, password } = new URL(url)
  return { host: hostname, port: Number(port), password }
}
