import { type Static, type TObject, type TSchema, type TString, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { StreamQuery } from '../../data/index.ts'
import { parseBytes, parseDuration, Problem, SettingError } from '../../kernel/index.ts'
import { defineJob, type Job, Snooze } from '../jobs/index.ts'
import type { ExportOptions, ExportOwner } from './export-options.ts'
import { exportsOn } from './exports-binding.ts'
import { type ExportCoding, exportCodings, type ExportFormat } from './parts/index.ts'
import { exportProblems } from './problems.ts'

/** A kind of export: what it has, and how it is made. */
export interface ExportDefinition<Input = unknown> {
  readonly name: string
  /** Makes the exports; it belongs into the jobs of the service. */
  readonly job: Job<{ export: string }>
  readonly key: readonly string[] | undefined
  readonly formats: readonly ExportFormat[]
  readonly coding: ExportCoding
  readonly partBytes: number
  readonly keepMs: number
  readonly turnMs: number
  query(input: Input, owner: ExportOwner): StreamQuery
  /** What the file is called, where that is not left to the default. */
  fileName(input: Input): string | undefined
  /** @throws Problem EXPORT_INPUT_INVALID */
  check(input: unknown): asserts input is Input
}

const jobInput: TObject<{ export: TString }> = Type.Object({ export: Type.String() })
const formats: readonly ExportFormat[] = ['ndjson', 'csv']

/**
 * Says what an export is. It is made by workers of a service that lists it in its exports.
 *
 * ```ts
 * export const orderHistory = defineExport('orders', {
 *   input: Type.Object({ year: Type.Integer() }),
 *   key: 'id',
 *   query: ({ year }, { tenant }) => ({
 *     text: 'select id, total_cents, placed_at from "order" where tenant = $1 and year = $2',
 *     values: [tenant, year],
 *   }),
 * })
 * ```
 *
 * @param name stable over releases: exports are kept under it
 * @throws SettingError when a part breaks its rule
 */
export function defineExport<const Input extends TSchema> (
  name: string,
  options: ExportOptions<Input>
): ExportDefinition<Static<Input>> {
  const say = (option: string): string => `export ${name}: ${option}`
  if (!/^[a-z][a-z0-9._-]{0,63}$/i.test(name))
    throw new SettingError(
      'name of an export',
      '1 to 64 letters, digits, ".", "_" or "-", a letter first',
      name
    )
  if (typeof options.query !== 'function') throw new SettingError(say('query'), 'a function', options.query)
  const { key, coding = 'gzip', retry = { attempts: 5, base: '5s' }, tier = 'within-5m', cap } = options
  const columns = key === undefined ? undefined : typeof key === 'string' ? [key] : key
  if (columns?.length === 0) throw new SettingError(say('key'), 'at least one column', key)
  if (!exportCodings.includes(coding))
    throw new SettingError(say('coding'), `one of ${exportCodings.join(', ')}`, coding)
  const offered = options.formats ?? formats
  if (offered.length === 0 || offered.some((format) => !formats.includes(format)))
    throw new SettingError(say('formats'), `some of ${formats.join(', ')}`, offered)
  const partBytes = parseBytes(options.part ?? '32MiB', say('part'))
  if (!(partBytes >= 2 ** 20 && partBytes <= 2 ** 30))
    throw new SettingError(say('part'), 'from 1MiB to 1GiB', options.part)
  const keepMs = parseDuration(options.keep ?? '24h', say('keep'))
  if (!(keepMs >= 1_000 && keepMs <= 365 * 86_400_000))
    throw new SettingError(say('keep'), 'from 1s to 365d', options.keep)
  const validator = Compile(options.input)
  const job = defineJob(`export.${name}`, {
    input: jobInput,
    tier,
    retry,
    deadline: options.deadline ?? '1h',
    tracked: true,
    ...(cap === undefined ? {} : { cap }),
    async run ({ export: id }, run) {
      // A turn that is over is no failure: the rest queues behind what others wait for.
      if (await exportsOn(run.data).perform(id, run) === 'more') throw new Snooze(0)
    },
  })
  return {
    name,
    job,
    key: columns,
    formats: offered,
    coding,
    partBytes,
    keepMs,
    turnMs: parseDuration(options.turn ?? '1m', say('turn')),
    query: options.query,
    fileName: (input) => options.fileName?.(input),
    check (input: unknown): asserts input is Static<Input> {
      if (validator.Check(input)) return
      const issues = validator.Errors(input).slice(0, 5).map(({ instancePath, message }) => ({
        path: instancePath,
        message,
      }))
      const detail = issues.map(({ path, message }) => `${path} ${message}`.trim()).join('; ')
      throw new Problem(exportProblems.EXPORT_INPUT_INVALID, { detail, extensions: { issues } })
    },
  }
}
