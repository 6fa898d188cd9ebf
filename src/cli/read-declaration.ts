// A thread's program: loads the service module that it is given, and posts whether it declares a database.
import { parentPort, workerData } from 'node:worker_threads'

const { default: service } = await import(String(workerData)) as { default?: unknown }
const declared = typeof service === 'object' && service !== null && 'database' in service ?
  service.database !== undefined :
  false
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origins
parentPort?.postMessage(declared)
