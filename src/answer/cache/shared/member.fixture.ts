// A process of the fleet. It serves one key from its memory as fast as it can, makes it when it must, and remembers when it
// served what. Its database is the process that started it.
import { Redis } from 'ioredis'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { ipcChannel, type IpcPeer, localEngine } from '../../../engines/index.ts'
import type { SharedCache } from '../shared-cache.ts'
import { localSharedCache } from './local-shared-cache.ts'
import { redisSharedCache } from './redis-shared-cache.ts'
import { password } from './shared.fixture.ts'

export interface MemberOrder {
  /** Of the Redis; none: the local engine over IPC. */
  readonly port: number | undefined
  readonly prefix: string
  readonly membership: number
}

export type MemberCommand =
  | { readonly say: 'version'; readonly version: number }
  | { readonly say: 'lead'; readonly key: string; readonly leaseMs: number }
  | { readonly say: 'land'; readonly value: string }
  | { readonly say: 'report' }

/** What a member says of its service. */
export interface MemberReport {
  /** For each version, when a decision to serve it was begun for the last time, on the machine's monotonic clock, in ms. */
  readonly lastServedMs: readonly (readonly [version: number, atMs: number])[]
  readonly served: number
  readonly made: number
  readonly current: boolean
}

interface Entry {
  readonly version: number
  /** That of the purges when its making began. */
  readonly sequence: number
}

const key = 'product'
const tag = 'product:1'

process.once('message', async (order: MemberOrder) => {
  const cache = await open(order)
  const { purges } = cache
  const lastServed = new Map<number, number>()
  let memory: Entry | undefined
  let served = 0
  let made = 0
  let asked: PromiseWithResolvers<number> | undefined
  let land: (value: string) => Promise<void> = async () => {}

  const isFresh = (entry: Entry | undefined): entry is Entry =>
    entry !== undefined && entry.sequence >= purges.staleSince(tag) && entry.sequence >= purges.goneSince(tag)

  function database (): Promise<number> {
    if (asked === undefined) {
      asked = Promise.withResolvers()
      process.send?.({ ask: 'version' })
    }
    return asked.promise
  }

  async function make (): Promise<Entry | undefined> {
    const kept = entryOf(await cache.get(key))
    if (isFresh(kept)) return kept
    const flight = await cache.enter(key, 1_000)
    if (flight.role === 'follow') {
      const landing = await flight.wait(AbortSignal.timeout(5_000)).catch(() => 'leader-lost' as const)
      return typeof landing === 'object' ? entryOf(landing.value) : undefined
    }
    made++
    const { sequence } = purges
    const entry = { version: await database(), sequence }
    await flight.land(Buffer.from(JSON.stringify(entry)), 60_000)
    return entry
  }

  process.on('message', async (command: MemberCommand) => {
    if (command.say === 'version') asked = void asked?.resolve(command.version)
    if (command.say === 'lead') {
      const flight = await cache.enter(command.key, command.leaseMs)
      if (flight.role === 'lead') land = (value) => flight.land(Buffer.from(value), 60_000)
      process.send?.({ role: flight.role })
    }
    if (command.say === 'land') {
      await land(command.value)
      process.send?.({ landed: true })
    }
    if (command.say === 'report') {
      const report: MemberReport = { lastServedMs: [...lastServed], served, made, current: purges.current }
      process.send?.({ report })
    }
  })

  while (!purges.current) await pause(1)
  process.send?.({ ready: true })
  for (;;) {
    await pause(1)
    const nowMs = Number(process.hrtime.bigint()) / 1e6
    if (purges.current && isFresh(memory)) {
      lastServed.set(memory.version, nowMs)
      served++
    } else if (purges.current) {
      memory = await make()
    }
  }
})

async function open ({ port, prefix, membership }: MemberOrder): Promise<SharedCache> {
  if (port === undefined) {
    const client = await localEngine({ channel: ipcChannel(process as IpcPeer) }).connect()
    return localSharedCache({ client, prefix, membership })
  }
  const redis = new Redis({ port, password, maxRetriesPerRequest: 1, retryStrategy: () => 20 })
  redis.on('error', () => {})
  await once(redis, 'ready')
  return redisSharedCache({ redis, prefix, membership })
}

function entryOf (bytes: Uint8Array | undefined): Entry | undefined {
  return bytes === undefined ? undefined : JSON.parse(Buffer.from(bytes).toString()) as Entry
}
