import { systemClock } from '../../kernel/index.ts'
import { type DeadLetters, redrive } from '../../work/jobs/dead/index.ts'
import { prepareAttendance, readAttendance, strangersOf } from '../../work/jobs/pressure/index.ts'
import type { Arguments } from '../command.ts'
import { exitCodes } from '../exit-code.ts'
import { Narrator } from '../narrator.ts'
import { type Paint, painter } from '../paint.ts'
import type { Surroundings } from '../surroundings.ts'
import { type JobsAccess, withJobs } from './access.ts'
import { type DiscardRequest, type JobsRequest, readJobsArguments, type RedriveRequest } from './arguments.ts'
import { JobNotFoundError } from './errors.ts'
import {
  type AttendedTier,
  groupsAsText,
  historyAsText,
  letterAsText,
  lettersAsText,
  receiptAsText,
  redriveAsLine,
  redriveAsText,
  tiersAsText,
} from './report.ts'

/** What an action found, for machines and for people. */
interface Told {
  readonly data: unknown
  readonly text: (paint: Paint) => string
  /** @default 0 */
  readonly exitCode?: number
}

/**
 * Does one action of `plimsoll jobs`. Progress is told on standard error, what was found on standard output.
 *
 * @returns 1 when a redrive stopped, or a job could not be cancelled
 */
export async function runJobs (given: Arguments, surroundings: Surroundings): Promise<number> {
  const nowMs = systemClock.epochMs()
  const request = readJobsArguments(given, surroundings, nowMs)
  const isJson = given.options['json'] === true
  const narrator = new Narrator(surroundings.stderr, surroundings)
  const progress = (message: string, share?: number): void => {
    if (!isJson) narrator.progress(message, share)
  }
  const { data, text, exitCode = exitCodes.ok } = await withJobs(
    given,
    surroundings,
    progress,
    (jobs) => perform(request, jobs, { surroundings, progress, nowMs })
  )
  const { stdout } = surroundings
  if (!isJson) narrator.end()
  stdout.write(isJson ? `${JSON.stringify(data, null, 2)}\n` : text(painter(stdout, surroundings)))
  return exitCode
}

interface Doing {
  readonly surroundings: Surroundings
  readonly progress: (message: string, share?: number) => void
  readonly nowMs: number
}

async function perform (request: JobsRequest, jobs: JobsAccess, doing: Doing): Promise<Told> {
  const { letters, store, pool, schema } = jobs
  const { nowMs } = doing
  switch (request.action) {
    case 'tiers': {
      await prepareAttendance(pool, schema)
      const [states, attended] = await Promise.all([store.tiers(), readAttendance(pool, schema)])
      const tiers = states.map((state): AttendedTier => {
        const attendance = attended.get(state.tier)
        return { ...state, workers: attendance?.workers ?? 0, unknown: strangersOf(state, attendance) }
      })
      return { data: { tiers }, text: (paint) => tiersAsText(tiers, paint) }
    }
    case 'groups': {
      const groups = await letters.groups(request.filter, request.limit)
      return { data: { groups }, text: (paint) => groupsAsText(groups, paint, nowMs) }
    }
    case 'list': {
      const { limit, after, filter } = request
      const page = await letters.list(filter, { limit, after })
      return { data: page, text: (paint) => lettersAsText(page.letters, page.next, paint, nowMs) }
    }
    case 'show':
      return await show(request.id, jobs)
    case 'edit': {
      const { id, payload, operator } = request
      const letter = await letters.edit(id, { payload }, operator)
      return {
        data: { letter },
        text: () => `Edited; it is still dead: plimsoll jobs redrive ${id} --test\n`,
      }
    }
    case 'cancel':
      return await cancel(request.ids, jobs)
    case 'discard':
      return await discard(request, letters, doing)
    case 'redrive':
      return await send(request, jobs, doing)
  }
}

async function show (id: string, { letters, store }: JobsAccess): Promise<Told> {
  const letter = await letters.find(id)
  if (letter !== undefined) return { data: { letter }, text: (paint) => letterAsText(letter, paint) }
  const receipt = await store.receipt(id)
  const audit = await letters.history(id)
  if (receipt === undefined && audit.length === 0) throw new JobNotFoundError(id)
  return {
    data: { receipt, audit },
    text: (paint) =>
      (receipt === undefined ? '' : `${receiptAsText(receipt, paint)}`) +
      (audit.length === 0 ? '' : historyAsText(id, audit, paint)),
  }
}

async function cancel (ids: readonly string[], { store }: JobsAccess): Promise<Told> {
  const jobs: { id: string; outcome: string }[] = []
  for (const id of ids) jobs.push({ id, outcome: await store.cancel(id) })
  const isAll = jobs.every(({ outcome }) => outcome === 'cancelled' || outcome === 'cancelling')
  const words: Readonly<Record<string, string>> = {
    cancelled: 'cancelled',
    cancelling: 'runs, and is asked to stop',
    done: 'has ended already',
    unknown: 'is not there (any more)',
  }
  return {
    data: { jobs },
    text: () => jobs.map(({ id, outcome }) => `${id} ${words[outcome] ?? outcome}\n`).join(''),
    exitCode: isAll ? exitCodes.ok : exitCodes.failed,
  }
}

async function discard (
  { filter, operator, isDry }: DiscardRequest,
  letters: DeadLetters,
  { progress, surroundings }: Doing
): Promise<Told> {
  if (isDry) return await count(letters, filter)
  using interrupts = surroundings.watchInterrupts()
  progress('discarding')
  const discarded = await letters.discard(filter, operator, interrupts.signal)
  return { data: { discarded }, text: () => `${discarded} discarded; the audit keeps them\n` }
}

async function send (
  { filter, operator, isDry, options }: RedriveRequest,
  { letters, store, pool, schema }: JobsAccess,
  { progress, surroundings }: Doing
): Promise<Told> {
  if (isDry) return await count(letters, filter)
  using interrupts = surroundings.watchInterrupts()
  const result = await redrive({
    pool,
    store,
    schema,
    filter,
    operator,
    ...options,
    signal: interrupts.signal,
    onProgress: (now) => progress(redriveAsLine(now)),
  })
  const exitCode = result.state === 'interrupted' ?
    exitCodes.interrupted :
    result.failed > 0 ?
    exitCodes.failed :
    exitCodes.ok
  return { data: result, text: (paint) => redriveAsText(result, paint), exitCode }
}

async function count (letters: DeadLetters, filter: Parameters<DeadLetters['count']>[0]): Promise<Told> {
  const meant = await letters.count(filter)
  return { data: { meant }, text: () => `${meant} meant; nothing was changed\n` }
}
