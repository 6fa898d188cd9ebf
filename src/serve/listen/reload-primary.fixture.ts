import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { finishSocketPath, prepareSocketPath } from './index.ts'

/*
 * A small supervisor, run as a child process of a test: `node reload-primary.fixture.ts JSON`. It keeps
 * `workers` of them, and replaces the oldest, start before stop, on the message 'replace'.
 */
export interface PrimaryPlan {
  readonly policy: 'round-robin' | 'shared'
  readonly workers: number
  readonly socketPath: string
  /** Passed on to the workers. */
  readonly worker: Readonly<Record<string, string>>
}

const plan = JSON.parse(process.argv[2] ?? '{}') as PrimaryPlan
cluster.schedulingPolicy = plan.policy === 'shared' ? cluster.SCHED_NONE : cluster.SCHED_RR
cluster.setupPrimary({ exec: new URL('./reload-worker.fixture.ts', import.meta.url).pathname, args: [] })

interface Ready {
  readonly plain: number
  readonly tls: number
}

async function startWorker (): Promise<readonly [Worker, Ready]> {
  const worker = cluster.fork(plan.worker)
  const [ready] = await once(worker, 'message') as [Ready]
  return [worker, ready]
}

async function stopWorker (worker: Worker): Promise<unknown> {
  worker.send('drain')
  const [[result], [code, signal]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  return { ...result as object, code, signal }
}

await prepareSocketPath(plan.socketPath)
const [firstWorker, ports] = await startWorker()
const workers = [firstWorker]
await finishSocketPath(plan.socketPath, '600')
while (workers.length < plan.workers) workers.push((await startWorker())[0])

process.on('message', async (message) => {
  if (message === 'replace') {
    workers.push((await startWorker())[0])
    const oldest = workers.shift()
    process.send?.(oldest === undefined ? {} : await stopWorker(oldest))
  } else if (message === 'stop') {
    await Promise.all(workers.map(stopWorker))
    process.disconnect?.()
  }
})
// A test that dies takes its cluster with it.
process.on('disconnect', () => {
  for (const worker of workers) worker.process.kill('SIGKILL')
})
process.send?.(ports)
