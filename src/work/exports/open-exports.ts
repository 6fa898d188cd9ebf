import type { Pool } from 'pg'
import { type Transaction, transaction } from '../../data/index.ts'
import {
  type Clock,
  currentContext,
  parseBytes,
  parseDuration,
  Problem,
  SettingError,
  systemClock,
  systemRandom,
  uuidOf,
  uuidv7,
} from '../../kernel/index.ts'
import { createLogger, type Logger } from '../../telemetry/index.ts'
import type { ExportDefinition } from './define-export.ts'
import { estimateRows } from './estimate-rows.ts'
import { type ExportFile, exportFile } from './export-file.ts'
import type { ExportOwner } from './export-options.ts'
import { retryAfterSeconds, statusOf } from './export-status.ts'
import { ExportWatch } from './export-watch.ts'
import {
  bindExports,
  type ExportMaker,
  type ExportRunner,
  type RunEnd,
  unbindExports,
} from './exports-binding.ts'
import type {
  Exports,
  ExportView,
  ExportViewer,
  OpenExportsOptions,
  RequestOptions,
  WaitForOptions,
} from './exports.ts'
import { ExportLedger, type ExportRow } from './ledger.ts'
import { type ExportMetrics, exportMetrics } from './metrics.ts'
import { closedCode, performExport } from './perform-export.ts'
import { exportProblems } from './problems.ts'
import { secondsUntilRoom, secondsUntilTurn } from './room.ts'
import { ExportUpkeep, type UpkeepDone } from './upkeep.ts'

/** Files outlive their expiry by this: somebody may be reading them. */
const filesMs = 15 * 60_000
/** Who asks for an export that has expired is told so for this long. */
const rowMs = 7 * 86_400_000
const failedKeepMs = 86_400_000
const inputMostBytes = 65_536

/**
 * Makes the exports of a service ready: its tables, its store, and their place for the jobs that make them.
 *
 * @throws SettingError; StoreUnavailableError
 */
export async function openExports (options: OpenExportsOptions): Promise<Exports> {
  const opened = new OpenedExports(options)
  await opened.prepare()
  return opened
}

class OpenedExports implements Exports, ExportMaker {
  readonly path: string
  readonly definitions: readonly ExportDefinition[]
  readonly #options: OpenExportsOptions
  readonly #byName: ReadonlyMap<string, ExportDefinition>
  readonly #openMost: number
  readonly #bytesMost: number
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #metrics: ExportMetrics
  readonly #ledger: ExportLedger
  readonly #watch: ExportWatch
  readonly #upkeep: ExportUpkeep
  /** Runs of this process, by the export they make. */
  readonly #runs: Map<string, AbortController> = new Map()

  constructor (options: OpenExportsOptions) {
    const { pool, jobs, store, limits = {}, registry, logger = createLogger({ level: 'silent' }) } = options
    const { clock = systemClock, random = systemRandom, path = '/exports' } = options
    const { open = 5, bytes } = limits
    if (!(Number.isInteger(open) && open >= 1))
      throw new SettingError('exports.limits.open', 'at least 1', open)
    if (!/^(?:\/[\w.~-]+)+$/.test(path))
      throw new SettingError('exports.path', 'a path such as "/exports"', path)
    this.path = path
    this.definitions = options.exports
    this.#options = options
    this.#byName = byName(options.exports)
    this.#openMost = open
    this.#bytesMost = bytes === undefined ?
      Number.POSITIVE_INFINITY :
      parseBytes(bytes, 'exports.limits.bytes')
    this.#clock = clock
    this.#logger = logger
    this.#metrics = exportMetrics(registry)
    this.#ledger = new ExportLedger(pool, options.schema, { filesMs, rowMs }, (id) => this.#watch.changed(id))
    this.#watch = new ExportWatch(this.#ledger, clock)
    const upkeep = {
      ledger: this.#ledger,
      store,
      jobs,
      metrics: this.#metrics,
      logger,
      clock,
      random,
      failedKeepMs,
    }
    this.#upkeep = new ExportUpkeep(upkeep)
  }

  async prepare (): Promise<void> {
    await this.#options.store.prepare()
    await this.#ledger.prepare()
    bindExports(this.#options.pool, this)
  }

  async request<Input> (
    definition: ExportDefinition<Input>,
    input: Input,
    { tenant = currentContext()?.tenant, user, format = definition.formats[0] }: RequestOptions = {}
  ): Promise<ExportView> {
    this.#own(definition)
    definition.check(input)
    const text = JSON.stringify(input)
    if (text.length > inputMostBytes) {
      const detail = `it has more than ${inputMostBytes} characters`
      throw new Problem(exportProblems.EXPORT_INPUT_INVALID, { detail })
    }
    if (format === undefined || !definition.formats.includes(format)) {
      const detail = `The export ${definition.name} can be had as ${definition.formats.join(' or ')}.`
      const extensions = { formats: definition.formats }
      throw new Problem(exportProblems.EXPORT_FORMAT_UNKNOWN, { detail, extensions })
    }
    const { pool, jobs } = this.#options
    const owner = { tenant: tenant ?? '', owner: user ?? '' }
    const row = await transaction(pool, async (tx) => {
      await this.#checkUsage(tx, owner.tenant, owner.owner)
      const id = uuidv7(this.#clock)
      const forTenant = tenant === undefined ? {} : { tenant }
      const { id: job } = await jobs.enqueue(tx, definition.job, { export: id }, forTenant)
      const { name, coding } = definition
      return this.#ledger.create(tx, { id, name, ...owner, input: text, format, coding, job })
    })
    return this.#view(row)
  }

  async status (id: string, viewer: ExportViewer): Promise<ExportView> {
    return this.#view(await this.#row(id, viewer))
  }

  async waitFor (
    id: string,
    viewer: ExportViewer,
    { since, timeout = '30s', signal }: WaitForOptions = {}
  ): Promise<ExportView> {
    const ms = parseDuration(timeout, 'waitFor.timeout')
    const now = this.#view(await this.#row(id, viewer))
    if (now.retryAfterSeconds === undefined || (since !== undefined && since !== now.version)) return now
    await this.#watch.wait(id, since, ms, signal)
    return this.status(id, viewer)
  }

  async cancel (id: string, viewer: ExportViewer): Promise<ExportView> {
    const before = await this.#row(id, viewer)
    const ended = await this.#ledger.end(id)
    if (ended === undefined) return this.#view(await this.#row(id, viewer))
    if (ended.state === 'cancelled') {
      this.#metrics.ended(ended.name, 'cancelled')
      this.#runs.get(id)?.abort(new Error('the export was cancelled'))
      await this.#options.jobs.cancel(before.job)
    }
    // What a run writes at this very moment, the sweep deletes.
    await this.#options.store.expire(`${id}/`, Number.POSITIVE_INFINITY).catch((error: unknown) => {
      this.#logger.warn(
        { err: error, export: id },
        'the files of an export could not be deleted; upkeep will'
      )
    })
    return this.#view(await this.#row(id, viewer))
  }

  async file (id: string, viewer: ExportViewer): Promise<ExportFile> {
    const row = await this.#row(id, viewer)
    const { state } = row
    if (state === 'queued' || state === 'running') {
      const detail = `The export is ${state}; it has ${row.rows} rows so far.`
      const extensions = { state, retryAfterSeconds: retryAfterSeconds(row) }
      throw new Problem(exportProblems.EXPORT_NOT_READY, { detail, extensions })
    }
    if (state !== 'done') {
      const detail = state === 'failed' ? 'The export has failed.' : `The export is ${state}.`
      throw new Problem(exportProblems.EXPORT_GONE, { detail, extensions: { state } })
    }
    return exportFile(row, await this.#ledger.parts(id), this.#byName.get(row.name), this.#options.store)
  }

  async estimate<Input> (
    definition: ExportDefinition<Input>,
    input: Input,
    owner: ExportOwner
  ): Promise<number> {
    this.#own(definition)
    definition.check(input)
    return estimateRows(this.#readPool, definition.query(input, owner))
  }

  async perform (id: string, runner: ExportRunner): Promise<RunEnd> {
    const here = new AbortController()
    this.#runs.set(id, here)
    try {
      return await performExport(id, runner, here.signal, {
        ledger: this.#ledger,
        store: this.#options.store,
        pool: this.#readPool,
        metrics: this.#metrics,
        clock: this.#clock,
        definitions: this.#byName,
        failedKeepMs,
      })
    } finally {
      if (this.#runs.get(id) === here) this.#runs.delete(id)
    }
  }

  upkeep (): Promise<UpkeepDone> {
    return this.#upkeep.once()
  }

  async start (): Promise<void> {
    this.#upkeep.start()
  }

  async close (): Promise<void> {
    unbindExports(this.#options.pool, this)
    this.#watch.close()
    const closed = Object.assign(new Error('the exports of this process are closed'), { code: closedCode })
    for (const run of this.#runs.values()) run.abort(closed)
    await this.#upkeep.stop()
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  get #readPool (): Pool {
    return this.#options.readFrom ?? this.#options.pool
  }

  #own (definition: { readonly name: string }): void {
    if (this.#byName.get(definition.name) as unknown !== definition)
      throw new SettingError('export', 'one of the exports of the service', definition.name)
  }

  async #checkUsage (tx: Transaction, tenant: string, user: string): Promise<void> {
    const { open, bytes } = await this.#ledger.usage(tx, tenant, user)
    const [openMost, bytesMost] = [this.#openMost, this.#bytesMost]
    if (open < openMost && bytes < bytesMost) return
    this.#metrics.refused.add(1)
    const occupants = await this.#ledger.occupants(tx, tenant, user)
    const [turn, room] = [
      open < openMost ? 0 : secondsUntilTurn(occupants, openMost),
      bytes < bytesMost ? 0 : secondsUntilRoom(occupants, bytesMost),
    ]
    const detail = open < openMost ?
      `The files that are kept have ${bytes} bytes, and may have ${bytesMost}.` :
      `${open} exports are queued or running, and ${openMost} may be.`
    const extensions = { retryAfterSeconds: Math.max(turn, room) }
    throw new Problem(exportProblems.EXPORT_LIMIT_EXCEEDED, { detail, extensions })
  }

  async #row (id: string, viewer: ExportViewer): Promise<ExportRow> {
    const row = uuidOf(id) === id ? await this.#ledger.read(id) : undefined
    if (row !== undefined && mayView(row, viewer)) return row
    throw new Problem(exportProblems.EXPORT_NOT_FOUND, { detail: 'No export of yours has this id.' })
  }

  #view (row: ExportRow): ExportView {
    return {
      status: statusOf(row, this.path),
      version: row.version,
      retryAfterSeconds: retryAfterSeconds(row),
    }
  }
}

function mayView ({ tenant, owner }: ExportRow, viewer: ExportViewer): boolean {
  return viewer === 'anybody' || (tenant === (viewer.tenant ?? '') && owner === (viewer.user ?? ''))
}

function byName (definitions: readonly ExportDefinition[]): ReadonlyMap<string, ExportDefinition> {
  const found = new Map(definitions.map((one) => [one.name, one]))
  if (found.size < definitions.length)
    throw new SettingError('exports', 'of different names', definitions.map(({ name }) => name))
  return found
}
