import { transaction } from '../../data/index.ts'
import type { SagaRecord, Sagas } from '../../work/saga/index.ts'
import type { Arguments } from '../command.ts'
import { exitCodes } from '../exit-code.ts'
import { Narrator } from '../narrator.ts'
import { type Paint, painter } from '../paint.ts'
import type { Surroundings } from '../surroundings.ts'
import { type SagaAccess, withSagas } from './access.ts'
import { type ChosenSagas, readSagaArguments, type SagaRequest } from './arguments.ts'
import { sagaAsData, sagaAsText, sagasAsText } from './report.ts'

/** What an action found, for machines and for people. */
interface Told {
  readonly data: unknown
  readonly text: (paint: Paint) => string
  /** @default 0 */
  readonly exitCode?: number
}

/**
 * Does one action of `plimsoll saga`. Progress is told on standard error, what was found on standard output.
 *
 * @returns 1 when of several sagas some could not be resumed or cancelled
 */
export async function runSaga (given: Arguments, surroundings: Surroundings): Promise<number> {
  const request = readSagaArguments(given, surroundings)
  const isJson = given.options['json'] === true
  const narrator = new Narrator(surroundings.stderr, surroundings)
  const progress = (message: string): void => {
    if (!isJson) narrator.progress(message)
  }
  const needsDefinitions = request.action !== 'list' && request.action !== 'show'
  const { data, text, exitCode = exitCodes.ok } = await withSagas(
    given,
    surroundings,
    { progress, needsDefinitions },
    (access) => perform(request, access)
  )
  const { stdout } = surroundings
  if (!isJson) narrator.end()
  stdout.write(isJson ? `${JSON.stringify(data, null, 2)}\n` : text(painter(stdout, surroundings)))
  return exitCode
}

async function perform (request: SagaRequest, { pool, sagas }: SagaAccess): Promise<Told> {
  switch (request.action) {
    case 'list':
      return await list(request.filter, sagas)
    case 'show': {
      const saga = await sagas.get(request.which)
      const trail = await sagas.trail(saga.id)
      return { data: sagaAsData(saga, trail), text: (paint) => sagaAsText(saga, trail, paint) }
    }
    case 'signal': {
      const { which, name, payload, id, by } = request
      const saga = await sagas.get(which)
      await transaction(
        pool,
        (tx) => sagas.signal(tx, saga.id, { name, payload, by, ...(id === undefined ? {} : { id }) })
      )
      return await each([saga.id], sagas, 'signalled', async () => {})
    }
    case 'skip': {
      const { patch, by } = request
      const { id } = await sagas.get(request.which)
      await sagas.skip(id, patch === undefined ? { by } : { patch, by })
      return await each([id], sagas, 'goes on', async () => {})
    }
    case 'resume': {
      const { force, by } = request
      const ids = await idsOf(request.chosen, sagas)
      return await each(ids, sagas, 'goes on', (id) => sagas.resume(id, { force, by }))
    }
    case 'cancel': {
      const { reason, by } = request
      return await each(
        await idsOf(request.which, sagas),
        sagas,
        'is cancelled',
        (id) => sagas.cancel(id, { reason, by })
      )
    }
  }
}

async function list (
  filter: Extract<SagaRequest, { action: 'list' }>['filter'],
  sagas: Sagas
): Promise<Told> {
  const found = await sagas.list({ ...filter, limit: filter.limit + 1 })
  const page = found.slice(0, filter.limit)
  const next = found.length > page.length ? page.at(-1)?.id : undefined
  return {
    data: { sagas: page.map((saga) => sagaAsData(saga)), ...(next === undefined ? {} : { next }) },
    text: (paint) => sagasAsText(page, next, paint),
  }
}

/** How many of those that are parked are read at once. */
const pageSize = 500

async function idsOf (chosen: ChosenSagas, sagas: Sagas): Promise<readonly string[]> {
  const ids: string[] = []
  if (!('name' in chosen)) {
    for (const which of chosen) ids.push((await sagas.get(which)).id)
    return ids
  }
  const { name, step } = chosen
  for (let page: readonly SagaRecord[] | undefined; page === undefined || page.length === pageSize;) {
    const before = page?.at(-1)?.id
    page = await sagas.list({
      statuses: ['parked'],
      limit: pageSize,
      ...(name === undefined ? {} : { name }),
      ...(before === undefined ? {} : { before }),
    })
    ids.push(...page.filter(({ state }) => step === undefined || state.step === step).map(({ id }) => id))
  }
  return ids
}

/** Does it to one after the other; with several, one that cannot be helped keeps no other from it. */
async function each (
  ids: readonly string[],
  sagas: Sagas,
  done: string,
  work: (id: string) => Promise<void>
): Promise<Told> {
  const told: { id: string; outcome: string; status?: string }[] = []
  let failed = 0
  for (const id of ids) {
    try {
      await work(id)
      told.push({ id, outcome: done, status: (await sagas.get(id)).state.status })
    } catch (error) {
      if (ids.length === 1) throw error
      failed++
      told.push({ id, outcome: (error as Error).message })
    }
  }
  return {
    data: { sagas: told },
    text: () =>
      told.map(({ id, outcome, status }) => `${id} ${outcome}${status === undefined ? '' : `: ${status}`}\n`)
        .join('') ||
      'None is parked.\n',
    exitCode: failed > 0 ? exitCodes.failed : exitCodes.ok,
  }
}
