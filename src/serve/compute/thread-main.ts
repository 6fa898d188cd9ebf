import { serialize } from 'node:v8'
import { workerData } from 'node:worker_threads'
import type { ComputeTaskInfo, ThreadData, ThreadReply, ThreadRequest, ThrownError } from './task.ts'

type Task = (input: unknown, info: ComputeTaskInfo) => unknown

/** What runs in each thread: it loads the service's compute module and calls its functions. */
export default async function answer (request: ThreadRequest): Promise<ThreadReply> {
  let tasks: ReadonlyMap<string, Task>
  try {
    tasks = await load()
  } catch (error) {
    return { kind: 'unloadable', error: describe(error) }
  }
  if (request.kind === 'describe') return { kind: 'described', names: [...tasks.keys()] }
  let value: unknown
  try {
    value = await tasks.get(request.name)?.(request.input, request.info)
  } catch (error) {
    return { kind: 'failed', error: describe(error) }
  }
  try {
    // Written here and not by the message port: there, what cannot be written ends the thread.
    return { kind: 'done', value: serialize(value) }
  } catch (error) {
    return { kind: 'unclonable', problem: describe(error).message }
  }
}

let loading: Promise<ReadonlyMap<string, Task>> | undefined

/** Loads with the first request rather than with the thread: a module that fails is then an answer. */
function load (): Promise<ReadonlyMap<string, Task>> {
  loading ??= import((workerData as ThreadData).module).then((exports: Record<string, unknown>) => {
    const functions = Object.entries(exports).filter((entry): entry is [string, Task] => {
      return typeof entry[1] === 'function' && entry[0] !== 'default'
    })
    return new Map(functions)
  })
  return loading
}

/** Strings and numbers only: an error's other fields may be anything, also what cannot leave the thread. */
function describe (thrown: unknown): ThrownError {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown) }
  const { name, message, stack } = thrown
  const code: unknown = 'code' in thrown ? thrown.code : undefined
  return {
    name: String(name),
    message: String(message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof stack === 'string' ? { stack } : {}),
  }
}
