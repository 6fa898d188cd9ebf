import { createHash } from 'node:crypto'

/** What is used of an `ioredis` client to run scripts: its `Redis` and its `Cluster` both fit. */
export interface RedisCalls {
  callBuffer(command: string, args: (string | Buffer | number)[]): Promise<unknown>
}

export type RedisArgument = string | number | Uint8Array

/** A script by its hash, so that its text is sent once a server. Text in its answers comes as bytes. */
export class RedisScript {
  readonly #source: string
  readonly #sha: string

  constructor (source: string) {
    this.#source = source
    this.#sha = createHash('sha1').update(source).digest('hex')
  }

  async run (redis: RedisCalls, keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args.map(toSend)]
    try {
      return await redis.callBuffer('EVALSHA', [this.#sha, ...rest])
    } catch (error) {
      // A server that was restarted, a node that took over, or SCRIPT FLUSH: it learns the script anew.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return redis.callBuffer('EVAL', [this.#source, ...rest])
    }
  }
}

function toSend (value: RedisArgument): string | number | Buffer {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value
}
