import type { Pool } from 'pg'
import { type Transaction, transaction } from '../../data/index.ts'
import {
  carryContext,
  type Clock,
  currentContext,
  type Duration,
  finishing,
  parseDuration,
  type Random,
  SettingError,
  systemClock,
  systemRandom,
  uuidOf,
  uuidv7,
} from '../../kernel/index.ts'
import { createLogger, type Logger, type MetricsRegistry, type Tracer } from '../../telemetry/index.ts'
import type { Job, JobApp } from '../jobs/index.ts'
import type { DefinedSaga } from './define-saga.ts'
import { desks } from './desk.ts'
import {
  SagaConflictError,
  SagaDataError,
  SagaDefinitionChangedError,
  SagaDefinitionUnknownError,
  SagaNotFoundError,
  SagaSignalError,
  UndeclaredSagaError,
} from './errors.ts'
import { eventHandlers } from './event-handlers.ts'
import { openKeeper, type SagaKeeper } from './keeper.ts'
import type { SagaData, SagaInput } from './machine/index.ts'
import { sagaMetrics } from './metrics.ts'
import type { NewSignal, SagaName } from './new-signal.ts'
import type { SagaTicket, StartOptions } from './saga-options.ts'
import { checkOnce, type SagaPlan } from './saga-plan.ts'
import type { SagaFilter, SagaRecord } from './saga-record.ts'
import { SagaStore } from './saga-store.ts'
import type { Sagas } from './sagas.ts'
import { stepJobs } from './step-jobs.ts'
import { StepRunner } from './step-runner.ts'
import { type Commander, Transitions } from './transitions.ts'

export interface OpenSagasOptions {
  /** In whose database the sagas are; yours to close. */
  readonly pool: Pool
  /** All definitions, old versions included as long as sagas of theirs are under way. */
  readonly sagas: readonly DefinedSaga[]
  /** Holds the tables. @default the first schema of the pool's search path */
  readonly schema?: string | undefined
  /** How long a saga that has ended is kept. @default '30d' */
  readonly keep?: Duration
  /** How long nobody may have known the definition of a saga before that is parked; at least 1 s. @default '5m' */
  readonly vanished?: Duration
  /** Whether this process says which definitions it knows; not one that only looks and asks. @default true */
  readonly announces?: boolean
  /** What steps find as `app`. @default nothing */
  readonly app?: JobApp
  /** Sends the requests of steps. @default `fetch` */
  readonly send?: typeof fetch
  readonly registry: MetricsRegistry
  /** Records runs of steps in sampled traces. @default none are recorded */
  readonly tracer?: Tracer
  /** @default one that is silent */
  readonly logger?: Logger
  readonly clock?: Clock
  readonly random?: Random
}

/**
 * Opens the sagas of a service: makes what is missing of their tables, and says which definitions this process knows.
 * Their `jobs` have to be given to `openJobs` on the same pool before any of them is started.
 *
 * @throws SagaDefinitionChangedError, SettingError; what PostgreSQL throws
 */
export async function openSagas (options: OpenSagasOptions): Promise<Sagas> {
  const opened = new OpenSagas(options)
  await opened.prepare(options.announces ?? true)
  return opened
}

/** An index of PostgreSQL holds no more than 2,700 bytes of one. */
const longestKey = 600

class OpenSagas implements Sagas {
  readonly jobs: readonly Job[]
  readonly handlers: Sagas['handlers']
  readonly #pool: Pool
  readonly #plans: readonly SagaPlan[]
  readonly #store: SagaStore
  readonly #transitions: Transitions
  readonly #metrics: ReturnType<typeof sagaMetrics>
  readonly #clock: Clock
  readonly #newKeeper: () => SagaKeeper
  readonly #keepers: Set<SagaKeeper> = new Set()

  constructor (options: OpenSagasOptions) {
    const { pool, sagas, registry, tracer, app = {} as JobApp, send = fetch } = options
    const { logger = createLogger({ level: 'silent' }), clock = systemClock, random = systemRandom } = options
    const keptMs = parseDuration(options.keep ?? '30d', 'sagas.keep')
    const vanishedMs = parseDuration(options.vanished ?? '5m', 'sagas.vanished')
    if (!(vanishedMs >= 1_000)) throw new SettingError('sagas.vanished', 'at least 1s', options.vanished)
    const plans = sagas.map(({ plan }) => plan)
    checkOnce(plans)
    const store = new SagaStore(pool, options.schema)
    const metrics = sagaMetrics(registry)
    // The jobs run what the transitions command, and these command by the jobs.
    const jobs = stepJobs(plans, (command) => runner.run(command))
    const command: Commander = async (tx, { tier }, { saga, token, afterMs }) => {
      await jobs.get(tier)?.enqueue(tx, { saga, token }, afterMs === 0 ? {} : { delay: afterMs })
    }
    const transitions = new Transitions({ store, plans, command, metrics, logger, random })
    const runner = new StepRunner({
      pool,
      store,
      transitions,
      metrics,
      tracer,
      logger,
      app,
      send,
      clock,
      random,
    })
    this.jobs = [...jobs.values()] as readonly Job[]
    this.handlers = eventHandlers({ plans, store, transitions, start: this.#startBy.bind(this) })
    this.#pool = pool
    this.#plans = plans
    this.#store = store
    this.#transitions = transitions
    this.#metrics = metrics
    this.#clock = clock
    this.#newKeeper = () =>
      openKeeper({
        pool,
        store,
        transitions,
        plans,
        announce: () => this.#announce(),
        vanishedMs,
        keptMs,
        metrics,
        logger,
        clock,
        random,
      })
  }

  async prepare (announces: boolean): Promise<void> {
    await this.#store.prepare()
    if (announces) await this.#declare()
    desks.bind(this.#pool, this)
  }

  /** @throws SagaDefinitionChangedError */
  async #declare (): Promise<void> {
    const changed = await this.#store.announce(this.#definitions())
    for (const definition of changed) {
      const unfinished = await this.#store.unfinished(definition)
      if (unfinished > 0) {
        throw new SagaDefinitionChangedError(definition.name, definition.version, unfinished)
      }
    }
    if (changed.length > 0) await this.#store.redefine(changed)
  }

  async start<Data> (
    tx: Transaction,
    { name, version }: { readonly name: string; readonly version: number },
    data: Data,
    options: StartOptions = {}
  ): Promise<SagaTicket> {
    const plan = this.#transitions.planOf({ name, version })
    if (plan === undefined) throw new UndeclaredSagaError(name, version)
    return this.#in(tx, (tx) => this.#startBy(tx, plan, data as SagaData, options.key))
  }

  async signal (tx: Transaction, which: SagaName, { name, payload = {}, id, by }: NewSignal): Promise<void> {
    await this.#in(tx, (tx) =>
      this.#applyIn(tx, which, 'signalled', (saga, plan) => {
        const waits = plan.waits.get(name) ?? []
        const flaws = waits.map(({ flawOf }) => flawOf(payload))
        if (waits.length === 0) throw new SagaSignalError(saga.name, name, 'none of its steps waits for it')
        if (!flaws.includes(undefined)) throw new SagaSignalError(saga.name, name, flaws.join('; '))
        if (saga.endedAt !== undefined)
          throw new SagaConflictError(saga.id, 'signalled', `it is ${saga.state.status}`)
        return { kind: 'signal', signal: { id: id ?? uuidv7(this.#clock), name, payload } }
      }, by))
  }

  async cancel (which: SagaName, { reason, by }: Parameters<Sagas['cancel']>[1]): Promise<void> {
    await this.#apply(which, 'cancelled', { kind: 'cancel', reason }, by)
  }

  async resume (which: SagaName, { force = false, by }: Parameters<Sagas['resume']>[1] = {}): Promise<void> {
    await this.#apply(which, 'resumed', { kind: 'resume', force }, by)
  }

  async skip (which: SagaName, { patch, by }: Parameters<Sagas['skip']>[1] = {}): Promise<void> {
    await this.#apply(which, 'skipped', { kind: 'skip', patch }, by)
  }

  async get (which: SagaName): Promise<SagaRecord> {
    const id = typeof which === 'string' ? which : await this.#store.idOf(this.#pool, which.saga, which.key)
    const found = id === undefined ? [] : await this.#store.find(id)
    const [only, other] = found
    if (only === undefined) throw new SagaNotFoundError(told(which))
    if (other !== undefined)
      throw new SagaConflictError(
        told(which),
        'told from others',
        'several begin or are named so: give its whole id'
      )
    return only
  }

  list (filter: SagaFilter = {}): Promise<readonly SagaRecord[]> {
    return this.#store.list(filter)
  }

  trail (id: string): ReturnType<Sagas['trail']> {
    return this.#store.events(id)
  }

  keeper (): SagaKeeper {
    const keeper = this.#newKeeper()
    this.#keepers.add(keeper)
    return keeper
  }

  async close (): Promise<void> {
    desks.unbind(this.#pool, this)
    await Promise.all([...this.#keepers].map((keeper) => keeper.close()))
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  /** Whoever gives a pool has no transaction of their own: all of it happens, or nothing. */
  #in<Result> (tx: Transaction, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    return tx === this.#pool ? transaction(this.#pool, work) : work(tx)
  }

  async #startBy (tx: Transaction, plan: SagaPlan, data: SagaData, ownKey?: string): Promise<SagaTicket> {
    const { name, version, flawOf } = plan.shape
    const flaw = flawOf(data)
    if (flaw !== undefined) throw new SagaDataError(name, flaw)
    const id = uuidv7(this.#clock)
    const key = ownKey ?? plan.keyOf?.(data) ?? id
    if (!(key.length >= 1 && key.length <= longestKey))
      throw new SettingError(`saga ${name}: key`, `of 1 to ${longestKey} characters`, key)
    const context = carryContext(currentContext())
    const saga = await this.#store.insert(tx, { id, name, version, key, data, context })
    if (saga === undefined) {
      return { id: await this.#store.idOf(tx, name, key) ?? id, duplicate: true }
    }
    await this.#transitions.apply(tx, saga, plan, { kind: 'start' })
    this.#metrics.started.slot({ saga: name }).add()
    return { id, duplicate: false }
  }

  /** In a transaction of its own, which is finished even when the one who asked has gone. */
  #apply (which: SagaName, what: string, input: SagaInput, by: string | undefined): Promise<void> {
    return finishing(() => transaction(this.#pool, (tx) => this.#applyIn(tx, which, what, () => input, by)))
  }

  async #applyIn (
    tx: Transaction,
    which: SagaName,
    what: string,
    inputOf: (saga: SagaRecord, plan: SagaPlan) => SagaInput,
    by: string | undefined
  ): Promise<void> {
    const saga = typeof which === 'string' ?
      uuidOf(which) !== undefined ? await this.#store.lock(tx, which) : undefined :
      await this.#store.lockByKey(tx, which.saga, which.key)
    if (saga === undefined) throw new SagaNotFoundError(told(which))
    const plan = this.#transitions.planOf(saga)
    if (plan === undefined) throw new SagaDefinitionUnknownError(saga.name, saga.version)
    const { verdict, reason = '' } = await this.#transitions.apply(tx, saga, plan, inputOf(saga, plan), by)
    if (verdict === 'refused') throw new SagaConflictError(told(which), what, reason)
  }

  async #announce (): Promise<void> {
    await this.#store.announce(this.#definitions())
  }

  #definitions (): Parameters<SagaStore['announce']>[0] {
    return this.#plans.map(({ shape: { name, version }, fingerprint }) => ({ name, version, fingerprint }))
  }
}

function told (which: SagaName): string {
  return typeof which === 'string' ? which : `${which.saga} of ${which.key}`
}
