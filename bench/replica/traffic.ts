import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { type Random, seededRandom } from '../../src/kernel/index.ts'

/** What a client gets, and the token that it shows with its next request. */
export interface Answer {
  readonly version: number
  readonly token: string | undefined
}

/** One worker of the service. Each client has one row, of which it writes ever higher versions. */
export interface Service {
  write(client: number, version: number, token: string | undefined): Promise<Answer>
  read(client: number, token: string | undefined): Promise<Answer>
}

export interface TrafficOptions {
  readonly clients: number
  /** Visits a second, at even intervals. */
  readonly perSecond: number
  readonly seconds: number
  /** Of visits that write and then read what they wrote, at once and from another worker. The others only read. */
  readonly writeShare: number
  readonly seed: number
}

export interface Tally {
  readonly reads: number
  readonly writes: number
  /** Reads that showed a client less than it had written, and been told of, before. */
  readonly stale: number
  readonly failed: number
  readonly readMs: readonly number[]
  readonly writeMs: readonly number[]
}

interface Client {
  version: number
  token: string | undefined
  busy: boolean
}

/** Drives the workers with visits of many clients, each visit by a client that has none under way. */
export async function drive (workers: readonly Service[], options: TrafficOptions): Promise<Tally> {
  const { clients: count, perSecond, seconds, writeShare, seed } = options
  const random = seededRandom(seed)
  const clients = Array.from({ length: count }, (): Client => ({ version: 0, token: undefined, busy: false }))
  const readMs: number[] = []
  const writeMs: number[] = []
  let [stale, failed] = [0, 0]

  async function read (id: number, worker: Service): Promise<void> {
    const client = clients[id]!
    const sentMs = performance.now()
    const { version } = await worker.read(id, client.token)
    readMs.push(performance.now() - sentMs)
    if (version < client.version) stale++
  }

  async function write (id: number, worker: Service): Promise<void> {
    const client = clients[id]!
    const sentMs = performance.now()
    const { version, token } = await worker.write(id, client.version + 1, client.token)
    writeMs.push(performance.now() - sentMs)
    client.version = version
    client.token = token ?? client.token
  }

  async function visit (id: number, writes: boolean, first: number): Promise<void> {
    const client = clients[id]!
    client.busy = true
    try {
      const at = (hop: number): Service => workers[(first + hop) % workers.length]!
      if (writes) await write(id, at(0))
      await read(id, at(writes ? 1 : 0))
    } catch {
      failed++
    } finally {
      client.busy = false
    }
  }

  const visits: Promise<void>[] = []
  const startMs = performance.now()
  for (let each = 0; each < perSecond * seconds; each++) {
    const waitMs = startMs + each * 1_000 / perSecond - performance.now()
    await (waitMs > 1 ? pause(waitMs) : turn())
    const id = await idleClient(clients, random)
    visits.push(visit(id, random() < writeShare, Math.floor(random() * workers.length)))
  }
  await Promise.all(visits)
  return { reads: readMs.length, writes: writeMs.length, stale, failed, readMs, writeMs }
}

async function idleClient (clients: readonly Client[], random: Random): Promise<number> {
  for (;;) {
    const id = Math.floor(random() * clients.length)
    if (clients[id]?.busy === false) return id
    await turn()
  }
}
