import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

/**
 * Whether the service of a module declares a database. The module is loaded on a thread of its own, so that
 * nothing of it stays in this process, and anew each time. One that cannot be loaded asks for none: its
 * worker will say what is wrong with it.
 */
export async function asksForDatabase (module: URL): Promise<boolean> {
  const extension = extname(import.meta.url)
  const thread = new Worker(new URL(`./read-declaration${extension}`, import.meta.url), {
    workerData: module.href,
    // Whatever the module prints, it will print in its worker again.
    stdout: true,
    stderr: true,
  })
  const answer = Promise.withResolvers<boolean>()
  thread.once('message', (declared: unknown) => answer.resolve(declared === true))
  thread.once('error', () => answer.resolve(false))
  thread.once('exit', () => answer.resolve(false))
  try {
    return await answer.promise
  } finally {
    await thread.terminate()
  }
}
