import { createHash, randomBytes } from 'node:crypto'
import type { Pool } from 'pg'
import {
  type Cancel,
  type Clock,
  type Duration,
  parseDuration,
  type Random,
  runWithoutContext,
  systemClock,
  systemRandom,
} from '../../../kernel/index.ts'
import { Listener } from './listener.ts'
import type { WakeCall, WakeLine } from './wake-line.ts'

export interface NotifyLineOptions {
  readonly pool: Pool
  /** That of the queue: queues in other schemas do not hear each other. @default the first of the search path */
  readonly schema?: string | undefined
  /** Calls within this are one statement. @default '10ms' */
  readonly pause?: Duration
  readonly clock?: Clock
  readonly random?: Random
}

/** Names in one call; PostgreSQL takes 8,000 bytes at most. */
const namesAtOnce = 60

/**
 * Calls over PostgreSQL's NOTIFY: in a statement of its own, never in the transaction that enqueues, since a commit with
 * a notification waits for every other such commit of the server. It is sent at once, then at most once each `pause`,
 * and does not wait for the disk.
 *
 * Who listens holds a connection of its own, beside those of the pool. Behind PgBouncer in transaction mode nothing is
 * heard, and workers find their jobs by asking.
 */
export function notifyLine (options: NotifyLineOptions): WakeLine {
  const { pool, schema, pause = '10ms', clock = systemClock, random = systemRandom } = options
  const pauseMs = parseDuration(pause, 'notifyLine.pause')
  const self = randomBytes(6).toString('base64url')
  let channel: Promise<string> | undefined
  let pending: Pending = noneWaits()
  let cancelSend: Cancel | undefined
  let sending: Promise<void> = Promise.resolve()
  let listener: Listener | undefined
  let closed = false

  function channelName (): Promise<string> {
    channel ??= channelOf(pool, schema).catch((error: unknown) => {
      channel = undefined
      throw error
    })
    return channel
  }

  async function send (): Promise<void> {
    const { tiers, cancelled, changed } = pending
    pending = noneWaits()
    const base = { from: self, tiers: [...tiers].slice(0, namesAtOnce) }
    const rounds = Math.max(1, Math.ceil(Math.max(cancelled.size, changed.size) / namesAtOnce))
    const [stopped, news] = [[...cancelled], [...changed]]
    try {
      const name = await channelName()
      for (let round = 0; round < rounds; round++) {
        const [first, end] = [round * namesAtOnce, (round + 1) * namesAtOnce]
        const text = JSON.stringify({
          ...base,
          cancelled: stopped.slice(first, end),
          changed: news.slice(first, end),
        })
        await pool.query({
          name: 'plimsoll_jobs_wake',
          text: `SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)`,
          values: [name, text],
        })
      }
    } catch {
      // The pool is at its limit, or the database is away: workers ask by themselves.
    }
  }

  /** The first call goes out at once; those that come within the pause after it go together. */
  function pump (): void {
    if (cancelSend !== undefined || closed) return
    sending = send()
    cancelSend = clock.after(pauseMs, () => {
      void sending.then(() => {
        cancelSend = undefined
        if (waits(pending)) pump()
      })
    })
  }

  async function close (): Promise<void> {
    closed = true
    cancelSend?.()
    if (waits(pending)) sending = sending.then(send)
    await sending
    await listener?.close()
  }

  return {
    call ({ tiers, cancelled = [], changed = [] }) {
      for (const tier of tiers) pending.tiers.add(tier)
      for (const id of cancelled) pending.cancelled.add(id)
      for (const id of changed) pending.changed.add(id)
      if (waits(pending)) runWithoutContext(pump)
    },
    async listen (hear) {
      listener ??= new Listener({
        pool,
        channelName,
        heard (payload) {
          const call = readCall(payload)
          if (call !== undefined && call.from !== self) hear(call)
        },
        clock,
        random,
      })
      await runWithoutContext(() => listener?.open())
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

interface Pending {
  readonly tiers: Set<string>
  readonly cancelled: Set<string>
  readonly changed: Set<string>
}

function noneWaits (): Pending {
  return { tiers: new Set(), cancelled: new Set(), changed: new Set() }
}

function waits ({ tiers, cancelled, changed }: Pending): boolean {
  return tiers.size + cancelled.size + changed.size > 0
}

/** A name that needs no quotes. */
async function channelOf (pool: Pool, schema: string | undefined): Promise<string> {
  const name = schema ?? await currentSchema(pool)
  return `plimsoll_jobs_${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
}

async function currentSchema (pool: Pool): Promise<string> {
  const { rows: [row] } = await pool.query<{ name: string | null }>('SELECT current_schema() AS name')
  return row?.name ?? ''
}

function readCall (payload: string): WakeCall & { readonly from?: unknown } | undefined {
  try {
    const { from, tiers, cancelled, changed } = JSON.parse(payload) as Record<string, unknown>
    return { from, tiers: texts(tiers), cancelled: texts(cancelled), changed: texts(changed) }
  } catch {
    return undefined // somebody else's notification
  }
}

function texts (value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
