import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { serverProcess } from '../../src/engines/embedded/server-process.fixture.ts'
import { natsProgram, testNats } from '../../src/engines/nats/nats.fixture.ts'
import { seededRandom } from '../../src/kernel/index.ts'
import {
  type Address,
  plimsollAddress,
  type Server,
  type ServerCommand,
  startServer,
} from '../harness/index.ts'
import { type Audit, audit, isDone } from './audit.ts'
import { Chaos, type Disaster } from './chaos.ts'
import { Payments } from './payments.ts'
import { Producers } from './producers.ts'

export interface RigOptions {
  /** Decides which disaster comes when, and when payments fail. */
  readonly seed: number
  /** How long disasters happen, in milliseconds. */
  readonly chaosMs: number
  /** Between two disasters: up to twice so long, in milliseconds. */
  readonly breathMs: number
  /** Keys, each with a client of its own. */
  readonly keys: number
  /** How long what was left may take to be done, once all is calm, in milliseconds. */
  readonly calmMs: number
  readonly say: (message: string) => void
}

export interface RigResult {
  readonly audit: Audit
  readonly happened: Readonly<Record<Disaster, number>>
  readonly withBroker: boolean
  /** Things that clients were told of, and how often they had to ask again. */
  readonly told: number
  readonly repeated: number
  /** Requests to the payment service. */
  readonly payments: number
  /** From the end of the disasters until all was done, in milliseconds; `undefined` when it was not. */
  readonly drainedMs: number | undefined
}

/** How long a lease lasts, in milliseconds. */
const leaseMs = 2_000
const service = new URL('service.ts', import.meta.url)
const command = fileURLToPath(new URL('../../bin/plimsoll.js', import.meta.url))

/**
 * Runs the service of the ledger in two fleets, one for requests and one for the work behind them, on a PostgreSQL and a
 * NATS of their own; lets disasters happen to all of them while clients write; and counts what became of it.
 */
export async function runRig (options: RigOptions): Promise<RigResult> {
  const { seed, chaosMs, breathMs, keys, calmMs, say } = options
  await using stack = new AsyncDisposableStack()
  const random = seededRandom(seed)
  const payments = stack.use(await Payments.open(seededRandom(seed + 1)))
  const database = stack.use(await serverProcess({ synchronous_commit: 'on', autovacuum: 'on' }))
  const broker = natsProgram.skip === false ? stack.use(await testNats('ledger')) : undefined
  const env = {
    DATABASE_URL: database.url,
    LEDGER_PAYMENTS: payments.url,
    PLIMSOLL_WORK_LEASE: `${leaseMs}ms`,
    PLIMSOLL_DRAIN_GRACE: '5s',
    PLIMSOLL_CRASH_BACKOFF_CAP: '500ms',
    PLIMSOLL_DATABASE_POOL_SIZE: '8',
    PLIMSOLL_LOG_LEVEL: 'fatal',
    ...(broker === undefined ? {} : { PLIMSOLL_BROKER_URLS: broker.url }),
  }
  const web = stack.use(await fleet('serve', 2, { ...env, PLIMSOLL_ROLE: 'web' }))
  const work = stack.use(await fleet('work', 2, env))
  const pool = new pg.Pool({ connectionString: database.url, max: 2 })
  pool.on('error', () => {})
  stack.defer(() => pool.end())

  say(`disasters for ${chaosMs / 1_000} s, seed ${seed}`)
  const producers = new Producers({ origin: web.origin, keys, pauseMs: 20 })
  let restarting: Promise<void> = Promise.resolve()
  /** One at a time: the second would find nothing to kill. */
  const oneByOne = (run: () => Promise<void>): Promise<void> => restarting = restarting.then(run)
  const chaos = new Chaos({
    random,
    breathMs,
    pauseMs: leaseMs * 1.5,
    victims: {
      workers: async () => [...await web.workers(), ...await work.workers()],
      restartDatabase: () =>
        oneByOne(async () => {
          await database.kill()
          await database.start()
        }),
      restartBroker: broker && ((downMs) =>
        oneByOne(async () => {
          await broker.kill()
          await new Promise((resolve) => setTimeout(resolve, downMs))
          await broker.start()
        })),
    },
  })
  await chaos.run(chaosMs)
  await producers.stop()
  payments.isFlaky = false
  say(`${producers.told} things made; waiting for what they left to be done`)

  const calmAtMs = performance.now()
  let found = await audit(pool, payments, broker !== undefined)
  while (!isDone(found) && performance.now() - calmAtMs < calmMs) {
    await new Promise((resolve) => setTimeout(resolve, 250))
    found = await audit(pool, payments, broker !== undefined)
  }
  return {
    audit: found,
    happened: chaos.happened,
    withBroker: broker !== undefined,
    told: producers.told,
    repeated: producers.repeated,
    payments: payments.requests,
    drainedMs: isDone(found) ? performance.now() - calmAtMs : undefined,
  }
}

interface FleetUnderTest extends AsyncDisposable {
  readonly origin: string
  /** Pids of its workers. */
  workers(): Promise<readonly number[]>
}

/** `plimsoll serve` or `work`, whose supervisor is never hurt: it is what an init system would be. */
async function fleet (
  role: 'serve' | 'work',
  workers: number,
  env: Readonly<Record<string, string>>
): Promise<FleetUnderTest> {
  let admin: Address | undefined
  let listening: Address | undefined
  let ready = 0
  const started: ServerCommand = {
    argv: [
      process.execPath,
      command,
      role,
      fileURLToPath(service),
      '--json',
      '--workers',
      String(workers),
      '--admin',
      '127.0.0.1:0',
      ...(role === 'serve' ? ['--listen', '127.0.0.1:0'] : []),
    ],
    env,
    // When all of its workers are up.
    addressIn (line) {
      admin ??= plimsollAddress(line, 'admin-listening')
      listening ??= plimsollAddress(line, 'listening')
      if (line.includes('"booted"')) ready++
      return ready > 0 ? admin : undefined
    },
  }
  const server: Server = await startServer(started)
  return {
    origin: `http://${listening?.host}:${listening?.port}`,
    async workers () {
      const answer = await fetch(`http://${server.address.host}:${server.address.port}/status`)
      const { workers } = await answer.json() as { readonly workers: readonly { readonly pid: number }[] }
      return workers.map(({ pid }) => pid).filter((pid) => pid > 0)
    },
    [Symbol.asyncDispose]: () => server.stop(15_000),
  }
}
