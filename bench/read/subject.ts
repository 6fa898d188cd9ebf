import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { pinning } from '../harness/index.ts'
import type { Ask, Round } from './protocol.ts'
import type { ReaderName } from './readers.ts'

const program = fileURLToPath(new URL('subject-main.ts', import.meta.url))

/** A reader in a process of its own, on the core of the servers. */
export class Subject implements AsyncDisposable {
  readonly name: ReaderName
  readonly #child: ChildProcess

  private constructor (name: ReaderName, child: ChildProcess) {
    this.name = name
    this.#child = child
  }

  static async start (name: ReaderName, url: string): Promise<Subject> {
    const [command = '', ...args] = [
      ...pinning().server,
      process.execPath,
      '--conditions=plimsoll-source',
      program,
      name,
      url,
    ]
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    await heard(child)
    return new Subject(name, child)
  }

  async measure (ask: Ask): Promise<Round> {
    this.#child.send(ask)
    return await heard(this.#child) as Round
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill()
    await exited
  }
}

async function heard (child: ChildProcess): Promise<unknown> {
  const ended = new AbortController()
  const onExit = (): void => ended.abort(new Error('a subject ended before it answered'))
  child.once('exit', onExit)
  try {
    const [message] = await once(child, 'message', { signal: ended.signal })
    return message
  } catch (error) {
    throw ended.signal.aborted ? ended.signal.reason : error
  } finally {
    child.off('exit', onExit)
  }
}
