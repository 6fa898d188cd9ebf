import { Redis } from 'ioredis'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { findTool, ToolMissingError } from '../harness/index.ts'

/** A Redis of the benchmark's own, in memory, that can be paused, killed and started again. */
export class SharedRedis implements AsyncDisposable {
  readonly port: number
  readonly #program: string
  #child: ChildProcess | undefined
  #client: Redis | undefined

  private constructor (program: string, port: number) {
    this.#program = program
    this.port = port
  }

  static async start (): Promise<SharedRedis> {
    const program = findTool('redis-server') ?? findTool('valkey-server')
    if (program === undefined) throw new ToolMissingError('redis-server', 'apt-get install redis-server')
    const redis = new SharedRedis(program, await freePort())
    await redis.restart()
    return redis
  }

  async restart (): Promise<void> {
    const flags = ['--bind', '127.0.0.1', '--port', String(this.port), '--save', '', '--appendonly', 'no']
    this.#child = spawn(this.#program, flags, { stdio: 'ignore' })
    if (this.#client === undefined) {
      this.#client = new Redis({ port: this.port, maxRetriesPerRequest: null, retryStrategy: () => 20 })
      this.#client.on('error', () => {})
    }
    await this.#client.ping()
  }

  async kill (): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  async pausedFor (ms: number): Promise<void> {
    this.#child?.kill('SIGSTOP')
    await pause(ms)
    this.#child?.kill('SIGCONT')
  }

  async goneFor (ms: number): Promise<void> {
    await this.kill()
    await pause(ms)
    await this.restart()
  }

  /** Scripts that the server was asked to run, since its start. */
  async scripts (): Promise<number> {
    const info = await this.#client?.info('commandstats') ?? ''
    const calls = info.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)
    return [...calls].reduce((sum, [, count]) => sum + Number(count), 0)
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#client?.disconnect()
    await this.kill()
  }
}

async function freePort (): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a TCP address')
  return address.port
}
