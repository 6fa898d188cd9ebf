import type { Pool } from 'pg'
import { type ManualClock, manualClock, seededRandom } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { DoubtBudget } from './doubt-budget.ts'
import { replicaMetrics } from './metrics.ts'
import { PrimaryWatch } from './primary-watch.ts'
import { Replica } from './replica.ts'
import { ReadRouter, type RouterOptions } from './router.ts'
import type { ServerLine } from './server-line.ts'
import { TokenSeal } from './token.ts'
import { WriteNotes } from './write-notes.ts'

/** A commit, as the log of a server has it. */
interface Commit {
  readonly id: number
  readonly timeline: number
  readonly lsn: bigint
}

/** A server of a model: its log, and whether it answers. */
export class ModelServer {
  readonly name: string
  timeline = 1
  /** Of a standby: what it has replayed. */
  log: Commit[] = []
  standby: boolean
  answers = true
  /** How often its sessions have begun anew. */
  started = 1
  /** When the process began: not again after a crash of one of its children, which ends all sessions, too. */
  booted = 1

  constructor (name: string, standby: boolean) {
    this.name = name
    this.standby = standby
  }

  get lsn (): bigint {
    return this.log.at(-1)?.lsn ?? 1_000n
  }

  has (id: number): boolean {
    return this.log.some((commit) => commit.id === id)
  }
}

/** A connection of a model. */
export interface ModelClient {
  /** Whether the server has not started again since. */
  readonly alive: boolean
  query(): Promise<unknown>
  release(destroy?: boolean): void
}

/** A primary and its standbys without PostgreSQL: positions in logs, replay, failovers, answers that come late. */
export class ModelCluster {
  primary: ModelServer = new ModelServer('first', false)
  readonly standbys: readonly ModelServer[]
  readonly clock: ManualClock = manualClock()
  /** Answers that are on their way, oldest first. */
  readonly underWay: { readonly from: ModelServer; readonly arrive: () => void }[] = []
  /** Whether answers arrive at once. */
  prompt = true
  #commits = 0

  constructor (names: readonly string[]) {
    this.standbys = names.map((name) => new ModelServer(name, true))
  }

  commit (): number {
    const { primary } = this
    // Less than a page, and far from the edges of one.
    primary.log.push({ id: ++this.#commits, timeline: primary.timeline, lsn: primary.lsn + 7n })
    return this.#commits
  }

  /** It replays the next `count` commits of the primary, if it follows it. */
  replay (standby: ModelServer, count = Number.POSITIVE_INFINITY): void {
    const { primary } = this
    if (!this.#follows(standby)) return
    standby.log = primary.log.slice(0, standby.log.length + count)
    standby.timeline = primary.timeline
  }

  /** The standby becomes the primary; what it has not replayed is lost. The old primary is gone. */
  promote (standby: ModelServer): void {
    standby.standby = false
    standby.timeline = this.primary.timeline + 1
    this.primary = standby
  }

  /** It loses what it had replayed and not written down. */
  restart (standby: ModelServer, lost: number): void {
    standby.started++
    if (lost % 2 === 0) standby.booted++
    standby.log = standby.log.slice(0, Math.max(0, standby.log.length - lost))
  }

  #follows (standby: ModelServer): boolean {
    const { primary } = this
    return standby.standby && standby !== primary &&
      standby.log.every(({ id }, at) => primary.log[at]?.id === id)
  }

  /** A pool of connections to a server; each new one takes its time, and ends with its server. */
  pool (server: ModelServer): Pool {
    let idle: ModelClient | undefined
    const open = async (): Promise<ModelClient> => {
      if (idle?.alive === true) return idle
      await this.#arrival(server)
      const { started } = server
      const client: ModelClient = {
        get alive () {
          return server.started === started
        },
        async query () {
          if (!client.alive) throw Object.assign(new Error('gone'), { code: 'DATABASE_LOST' })
          return { rows: [{ started: String(server.booted), lsn: `0/${server.lsn.toString(16)}` }] }
        },
        release (destroy) {
          idle = destroy === true ? undefined : client
        },
      }
      return client
    }
    return { connect: open } as unknown as Pool
  }

  #arrival (from: ModelServer): Promise<void> {
    if (this.prompt) return Promise.resolve()
    return new Promise((arrive) => this.underWay.push({ from, arrive }))
  }

  /** A line to a server; the answer is what was so when it was asked. */
  line (server: () => ModelServer): ServerLine {
    let last: number | undefined
    return {
      ask: <Row>() => {
        const asked = server()
        const { promise, resolve, reject } = Promise.withResolvers<Row>()
        const { started } = asked
        const broken = last !== undefined && last !== started
        last = started
        const row = {
          lsn: `0/${asked.lsn.toString(16)}`,
          timeline: asked.timeline,
          page: 2 ** 30,
          system: 'cluster',
          standby: asked.standby,
          started: String(asked.booted),
        }
        // A connection ends with its server.
        const deliver = (): void =>
          asked.answers && !broken && asked.started === started ?
            resolve(row as Row) :
            reject(new Error('gone'))
        if (this.prompt) deliver()
        else this.underWay.push({ from: asked, arrive: deliver })
        return promise
      },
      close: async () => {},
    }
  }
}

export interface ModelWorker {
  readonly notes: WriteNotes
  readonly router: ReadRouter
  readonly replicas: readonly Replica[]
  readonly primary: PrimaryWatch
  readonly registry: MetricsRegistry
  /** Something that may write has been sent, `commit` is called, and the answer has come. */
  write(context: Parameters<WriteNotes['sent']>[2], commit: () => void): void
  routeOf(context: Parameters<WriteNotes['sent']>[2]): Promise<string>
}

/** A worker whose servers are those of the model. It has heard of each once. */
export async function modelWorker (
  cluster: ModelCluster,
  options: Partial<RouterOptions> & { readonly doubtsPerSecond?: number } = {}
): Promise<ModelWorker> {
  const { clock } = cluster
  const registry = new MetricsRegistry({ clock })
  const random = seededRandom(1)
  const metrics = replicaMetrics(registry, () => replicas.map(({ status }) => status))
  const primary = new PrimaryWatch(cluster.line(() => cluster.primary), clock)
  await primary.start(250)
  const replicas = cluster.standbys.map((server) =>
    new Replica({
      name: server.name,
      pool: cluster.pool(server),
      line: cluster.line(() => server),
      primary,
      clock,
      random,
      pollMs: 250,
      ejections: metrics.ejections(server.name),
    })
  )
  await Promise.all(replicas.map((replica) => replica.refresh()))
  const notes = new WriteNotes()
  const router = new ReadRouter({
    notes,
    primary,
    replicas,
    seal: new TokenSeal(['a secret of the cluster'], 'cluster'),
    budget: new DoubtBudget(clock, options.doubtsPerSecond ?? 5),
    metrics,
    clock,
    random,
    maxLagMs: 10_000,
    waitMs: 0,
    ...options,
  })
  return {
    notes,
    router,
    replicas,
    primary,
    registry,
    write (context, commit) {
      const token = notes.sent('UPDATE note SET text = $1', [], context)
      commit()
      notes.ended(token, { error: undefined, command: 'UPDATE', rowCount: 1, seconds: 0 })
    },
    async routeOf (context) {
      const route = await router.route(context)
      return typeof route === 'string' ? route : route.name
    },
  }
}
