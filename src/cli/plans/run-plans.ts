import { resolve } from 'node:path'
import {
  driftOf,
  type PlanDrift,
  type PlanReview,
  readPlans,
  reviewStatements,
  writePlans,
} from '../../data/plans/index.ts'
import { loadService } from '../../serve/service/index.ts'
import type { Arguments } from '../command.ts'
import { EmbeddedDatabase } from '../embedded-database.ts'
import { UsageError } from '../errors.ts'
import { exitCodes } from '../exit-code.ts'
import { Narrator } from '../narrator.ts'
import { painter } from '../paint.ts'
import { findModule, settle } from '../settle.ts'
import type { Surroundings } from '../surroundings.ts'
import { type PlansRequest, readPlansArguments } from './arguments.ts'
import { type AskedService, withAskedService } from './ask-service.ts'
import { type PlansReport, reportAsData, reportAsText } from './report.ts'

/**
 * Reviews the plans of a service. Progress is told on standard error, the report on standard output.
 *
 * @returns 1 when a plan differs from the file's
 */
export async function runPlans (given: Arguments, surroundings: Surroundings): Promise<number> {
  const request = readPlansArguments(given, surroundings)
  const module = findModule(given, surroundings)
  const isJson = given.options['json'] === true
  const narrator = new Narrator(surroundings.stderr, surroundings)
  const progress = (message: string): void => {
    if (!isJson) narrator.progress(message)
  }
  await using database = new EmbeddedDatabase({
    progress,
    note: (text) => narrator.say({ text, accent: 'yellow' }),
  })
  const service = await loadService(module)
  if (service.database === undefined) {
    throw new UsageError(`the service "${service.name}" declares no database, so that it has no plans`)
  }
  const { settings } = await database.provide(await settle(given, surroundings, 'dev'))
  // Statements of a file need the schema and the migrations, not the routes.
  const urls = request.statements === undefined ? request.urls : []
  const report = await withAskedService(service, settings, urls, progress, async (asked) => {
    progress('asking for plans')
    const texts = request.statements ??
      asked.requests.flatMap(({ statements }) => statements.map(({ text }) => text))
    const { assume, prove } = request
    const review = await reviewStatements(asked.pool, texts, {
      prove,
      ...(assume === undefined ? {} : { assume }),
    })
    return reportOf(asked, review, await compare(request, review, surroundings))
  })
  if (isJson) surroundings.stdout.write(`${JSON.stringify(reportAsData(report), null, 2)}\n`)
  else {
    narrator.say({ text: `${amountOf(report)} reviewed`, accent: 'dim' })
    const paint = painter(surroundings.stdout, surroundings)
    surroundings.stdout.write(reportAsText(report, paint, given.options['verbose'] === true))
  }
  const isOff = report.drift?.some(({ kind }) => kind !== 'gone') ?? false
  return isOff ? exitCodes.failed : exitCodes.ok
}

function amountOf ({ review }: PlansReport): string {
  const count = Object.keys(review.plans).length + review.unplanned.length
  return count === 1 ? '1 statement' : `${count} statements`
}

function reportOf (
  { requests, skipped, repeated }: AskedService,
  review: PlanReview,
  drift: readonly PlanDrift[] | undefined
): PlansReport {
  return { requests, skipped, repeated, review, drift }
}

async function compare (
  { file, write }: PlansRequest,
  { plans }: PlanReview,
  { directory }: Surroundings
): Promise<readonly PlanDrift[] | undefined> {
  if (file === undefined) return undefined
  const path = resolve(directory, file)
  if (!write) return driftOf(await readPlans(path), plans)
  await writePlans(path, plans)
  return undefined
}
