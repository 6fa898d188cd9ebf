import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import type { Pool } from 'pg'
import { type Static, type TInteger, type TObject, type TOptional, Type } from 'typebox'
import { createLogger, MetricsRegistry } from '../../telemetry/index.ts'
import type { Job, JobRun, Jobs, JobStatus } from '../jobs/index.ts'
import { defineExport, type ExportDefinition } from './define-export.ts'
import type { ExportOptions } from './export-options.ts'
import type { Exports, OpenExportsOptions } from './exports.ts'
import { openExports } from './open-exports.ts'
import { directoryStore, type FileStore } from './store/index.ts'

/** A queue that runs what it is told to, when it is told to: of the real one there are tests in `jobs`. */
export interface TestQueue extends Pick<Jobs, 'enqueue' | 'cancel' | 'status'> {
  readonly cancelled: string[]
  /** What the queue says of a job. */
  readonly states: Map<string, JobStatus['state']>
  /** One run of the oldest job; it stays, unless the run is done. @returns what the run threw */
  runOnce(options?: { readonly signal?: AbortSignal; readonly isLastAttempt?: boolean }): Promise<unknown>
  /** Runs until a run throws something else than that its turn is over. */
  run(): Promise<void>
  /** The oldest job goes to the dead letters. */
  drop(): void
  readonly waiting: number
}

export function testQueue (pool: Pool): TestQueue {
  const waiting: { readonly id: string; readonly job: Job; readonly input: unknown }[] = []
  const cancelled: string[] = []
  const states = new Map<string, JobStatus['state']>()
  const queue: TestQueue = {
    cancelled,
    states,
    get waiting () {
      return waiting.length
    },
    async enqueue (_tx, job, input) {
      const id = crypto.randomUUID()
      waiting.push({ id, job: job as Job, input })
      return { id, duplicate: false } as never
    },
    async cancel (id) {
      cancelled.push(id)
      return 'cancelled'
    },
    async status (id) {
      const state = states.get(id)
      return state === undefined ? undefined : { id, state } as JobStatus
    },
    async runOnce ({ signal = new AbortController().signal, isLastAttempt = false } = {}) {
      const next = waiting[0]
      if (next === undefined) throw new Error('no job waits')
      const logger = createLogger({ level: 'silent' })
      try {
        await next.job.perform(
          next.input,
          { id: next.id, data: pool, signal, isLastAttempt, logger } as JobRun
        )
        waiting.splice(waiting.indexOf(next), 1)
        return undefined
      } catch (error) {
        return error
      }
    },
    drop () {
      waiting.shift()
    },
    async run () {
      while (waiting.length > 0) {
        const error = await queue.runOnce()
        if (error !== undefined && (error as { code?: string }).code !== 'JOB_SNOOZED') throw error
      }
    },
  }
  return queue
}

export interface TestExports {
  readonly exports: Exports
  readonly queue: TestQueue
  readonly store: FileStore
  readonly registry: MetricsRegistry
}

export async function openTestExports (
  t: TestContext,
  pool: Pool,
  definitions: readonly ExportDefinition[],
  more: Partial<OpenExportsOptions> = {}
): Promise<TestExports> {
  const queue = testQueue(pool)
  const registry = new MetricsRegistry()
  const { store = await testStore(t) } = more
  const exports = await openExports({ pool, jobs: queue, exports: definitions, registry, ...more, store })
  t.after(() => exports.close())
  return { exports, queue, store, registry }
}

export async function testStore (t: TestContext): Promise<FileStore> {
  const path = await mkdtemp(join(tmpdir(), 'plimsoll-exports-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return directoryStore({ path })
}

const entriesInput: TObject<{ below: TOptional<TInteger> }> = Type.Object({
  below: Type.Optional(Type.Integer()),
})

/** About 120 bytes a row, and texts that need care. */
export const makeEntries = `create table if not exists entry as
  select i as id, 'line one of ' || i || E'\\n"two", ' || repeat(md5(i::text), 2) as note, now() as at
  from generate_series(1, 30000) i`

export function entriesExport (
  name: string,
  more: Partial<ExportOptions<typeof entriesInput>> = {}
): ExportDefinition<Static<typeof entriesInput>> {
  return defineExport(name, {
    input: entriesInput,
    query: ({ below = 1e9 }) => ({ text: 'select id, note from entry where id < $1', values: [below] }),
    key: 'id',
    part: '1MiB',
    ...more,
  })
}

/** One whose makers are killed, of which each kill is an attempt. */
export function killedExport (): ReturnType<typeof entriesExport> {
  return entriesExport('entries', { retry: { attempts: 20, base: '100ms' } })
}

/** A store whose files go through `change`, e.g. to fail. */
export function watchedStore (
  store: FileStore,
  change: (bytes: AsyncIterable<Uint8Array>, name: string) => AsyncIterable<Uint8Array>
): FileStore {
  return { ...store, write: (name, bytes, signal) => store.write(name, change(bytes, name), signal) }
}

export async function readAll (stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}
