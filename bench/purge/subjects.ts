import { fileURLToPath } from 'node:url'
import { pinning, type Server, startServer } from '../harness/index.ts'

/** How a worker keeps answers. */
export type SubjectName = 'fleet' | 'dedupe' | 'aside'

export const titles: Readonly<Record<SubjectName, string>> = {
  fleet: 'Plimsoll, shared through Redis',
  dedupe: 'a flight a process (as async-cache-dedupe)',
  aside: 'Redis, cache-aside without flights',
}

/** How long the handler takes, in milliseconds. */
export const handlerMs = 50
/** Two machines with two workers each: every worker has a memory of its own, and all have one Redis. */
export const workerCount = 4

export async function startWorkers (subject: SubjectName, redisPort: number): Promise<readonly Server[]> {
  const command = {
    argv: [
      process.execPath,
      '--conditions=plimsoll-source',
      fileURLToPath(new URL('worker-main.ts', import.meta.url)),
    ],
    env: { SUBJECT: subject, REDIS_PORT: String(redisPort) },
  }
  return Promise.all(
    Array.from({ length: workerCount }, () => startServer(command, { prefix: pinning().server }))
  )
}
