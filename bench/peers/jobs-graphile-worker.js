import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import { serveSubject } from './jobs-subject.js'

const logger = new Logger(() => () => {})

serveSubject(async ({ databaseUrl }) => {
  const database = { connectionString: databaseUrl, maxPoolSize: 20, logger }
  const utils = await makeWorkerUtils(database)
  await utils.migrate()
  return {
    enqueue: (payload) => utils.addJob('tiny', payload),
    enqueueMany: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: 'tiny', payload }))),
    async work ({ tuned, onJob }) {
      const runner = await run({
        ...database,
        noHandleSignals: true,
        taskList: { tiny: (payload) => onJob(payload) },
        ...(tuned ?
          {
            concurrency: 24,
            preset: {
              worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
            },
          } :
          {}),
      })
      return () => runner.stop()
    },
    close: () => utils.release(),
  }
})
