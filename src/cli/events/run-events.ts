import { systemClock } from '../../kernel/index.ts'
import { orderingKey } from '../../work/events/index.ts'
import { ParkedEvents } from '../../work/outbox/index.ts'
import type { Arguments } from '../command.ts'
import { exitCodes } from '../exit-code.ts'
import { Narrator } from '../narrator.ts'
import { type Paint, painter } from '../paint.ts'
import { amount, lines } from '../report-text.ts'
import type { Surroundings } from '../surroundings.ts'
import { type EventsAccess, withEvents } from './access.ts'
import { type EventsRequest, type HeldRequest, readEventsArguments } from './arguments.ts'
import { checkReader, replay, settleAside } from './changes.ts'
import { EventNotFoundError } from './errors.ts'
import {
  eventAsText,
  heldAsText,
  type HeldOf,
  historyAsText,
  messageAsData,
  parkedAsText,
  type ParkedOf,
  placesAsData,
} from './event-report.ts'
import { buildsOf } from './projections.ts'
import { rebuild, type RebuildResult } from './rebuild.ts'
import { buildAsData, projectionsAsText, statusAsData, statusAsText } from './report.ts'

/** What an action found, for machines and for people. */
interface Told {
  readonly data: unknown
  readonly text: (paint: Paint) => string
  /** @default 0 */
  readonly exitCode?: number
}

/**
 * Does one action of `plimsoll events`. Progress is told on standard error, what was found on standard output.
 *
 * @returns 1 when a rebuild was refused, or there was nothing to redrive or discard where it was asked for
 */
export async function runEvents (given: Arguments, surroundings: Surroundings): Promise<number> {
  const request = readEventsArguments(given)
  const isJson = given.options['json'] === true
  const narrator = new Narrator(surroundings.stderr, surroundings)
  const progress = (message: string): void => {
    if (!isJson) narrator.progress(message)
  }
  const needsDefinitions = request.action === 'replay' || request.action === 'rebuild'
  const { data, text, exitCode = exitCodes.ok } = await withEvents(
    given,
    surroundings,
    { progress, needsDefinitions },
    (access) => perform(request, access, { surroundings, progress, nowMs: systemClock.epochMs() })
  )
  const { stdout } = surroundings
  if (!isJson) narrator.end()
  stdout.write(isJson ? `${JSON.stringify(data, null, 2)}\n` : text(painter(stdout, surroundings)))
  return exitCode
}

interface Doing {
  readonly surroundings: Surroundings
  readonly progress: (message: string) => void
  readonly nowMs: number
}

async function perform (request: EventsRequest, access: EventsAccess, doing: Doing): Promise<Told> {
  const { desk } = access
  switch (request.action) {
    case 'status':
      return await status(access, doing)
    case 'show':
      return await show(request.id, access, doing)
    case 'parked':
      return await parked(request, access, doing)
    case 'held':
      return await held(request, access, doing)
    case 'projections':
      return await projections(access)
    case 'history': {
      const history = await desk.audit.list(request)
      return { data: { history }, text: () => historyAsText(history) }
    }
    case 'redrive':
    case 'discard': {
      const settled = await settleAside(request, access)
      return {
        data: { settled },
        text: () =>
          settled.length === 0 ?
            'Nothing is parked.\n' :
            lines(settled.map(({ which, outcome }) => which === 'all' ? outcome : `${which} ${outcome}`)),
        exitCode: settled.every(({ isDone }) => isDone) ? exitCodes.ok : exitCodes.failed,
      }
    }
    case 'replay': {
      await replay(request, access)
      const { consumer } = request
      return {
        data: { consumer, state: 'begun' },
        text: () => `${consumer} handles them again; how far it is: plimsoll events status\n`,
      }
    }
    case 'rebuild': {
      using interrupts = doing.surroundings.watchInterrupts()
      const result = await rebuild(request, access, { signal: interrupts.signal, progress: doing.progress })
      return toldOfRebuild(request.projection, result)
    }
  }
}

async function status (access: EventsAccess, { nowMs }: Doing): Promise<Told> {
  const { desk } = access
  const [log, stall, readers, relays, consumers, builds] = await Promise.all([
    desk.span(),
    desk.stall(),
    desk.readers(),
    desk.relays(),
    desk.consumers(),
    buildsOf(access),
  ])
  const found = { nowMs, log, stall, readers, relays, consumers, projections: builds }
  return { data: statusAsData(found), text: (paint) => statusAsText(found, paint) }
}

async function show (id: string, { desk }: EventsAccess, { nowMs }: Doing): Promise<Told> {
  const places = await desk.find(id)
  if (places === undefined) throw new EventNotFoundError(id)
  const subjects = [places.message.id, orderingKey(places.message)]
  const audit = await desk.audit.list({ limit: 50, subjects })
  return {
    data: placesAsData(places, audit),
    text: (paint) => eventAsText(places, audit, paint, nowMs),
  }
}

async function parked (
  { relay, limit }: Extract<EventsRequest, { action: 'parked' }>,
  access: EventsAccess,
  { nowMs }: Doing
): Promise<Told> {
  if (relay !== undefined) await checkReader({ kind: 'relay', name: relay }, access)
  const names = relay === undefined ? (await access.desk.relays()).map(({ name }) => name) : [relay]
  const found: ParkedOf[] = []
  for (const name of names) {
    const events = await new ParkedEvents(access.outbox, name).list(limit + 1 - found.length)
    found.push(...events.map((event) => ({ ...event, relay: name })))
    if (found.length > limit) break
  }
  const page = found.slice(0, limit)
  return {
    data: {
      parked: page.map(({ message, ...event }) => ({ ...event, event: messageAsData(message) })),
      isAll: page.length === found.length,
    },
    text: (paint) => parkedAsText(page, page.length === found.length, paint, nowMs),
  }
}

async function held (
  { consumer, limit, after }: HeldRequest,
  access: EventsAccess,
  { nowMs }: Doing
): Promise<Told> {
  const { desk } = access
  if (consumer !== undefined) await checkReader({ kind: 'consumer', name: consumer }, access)
  const known = (await desk.consumers()).map(({ name }) => name)
  const names = consumer === undefined ? known : known.filter((name) => name === consumer)
  const found: HeldOf[] = []
  for (const name of names) {
    const keys = await desk.held.list(name, {
      limit: limit + 1 - found.length,
      ...(after === undefined ? {} : { after }),
    })
    found.push(...keys.map((key) => ({ ...key, consumer: name })))
    if (found.length > limit) break
  }
  const page = found.slice(0, limit)
  const last = found.length > limit ? page.at(-1) : undefined
  const more = last && { consumer: last.consumer, after: last.key }
  return {
    data: {
      held: page.map(({ oldest, ...key }) => ({ ...key, oldest: messageAsData(oldest) })),
      ...(more === undefined ? {} : { more }),
    },
    text: (paint) =>
      heldAsText(page, more && `--consumer ${more.consumer} --after '${more.after}'`, paint, nowMs),
  }
}

async function projections (access: EventsAccess): Promise<Told> {
  const builds = await buildsOf(access)
  const declared = access.service?.projections?.map(({ name }) => name) ?? []
  const missing = declared.filter((name) => builds.every(({ projection }) => projection !== name))
  return {
    data: { projections: builds.map(buildAsData), missing },
    text: (paint) => projectionsAsText(builds, missing, paint),
  }
}

function toldOfRebuild (name: string, result: RebuildResult): Told {
  if (result.state === 'interrupted') {
    const text = `interrupted: the workers go on building ${name}; see plimsoll events projections\n`
    return { data: result, text: () => text, exitCode: exitCodes.interrupted }
  }
  if (result.state === 'live') {
    const { build, version, events, seconds, difference } = result
    const compared = difference === undefined ?
      'nothing was compared' :
      `${amount(difference, 'row')} differed`
    const text = `build ${build} of ${name} (version ${version}) is live: ${amount(events, 'event')} in ${
      seconds.toFixed(1)
    } s; ${compared}\n`
    return { data: result, text: () => text }
  }
  const { difference, examples } = result
  return {
    data: result,
    text: (paint) =>
      lines([
        paint('red', `refused: the new build of ${name} differs by ${amount(difference, 'row')}`),
        ...Object.entries(examples).flatMap(([table, rows]) => [
          `  ${table}`,
          ...rows.map((row) => `    ${JSON.stringify(row)}`),
        ]),
        `If the new one is right: plimsoll events rebuild ${name} --accept-difference --reason TEXT`,
      ]),
    exitCode: exitCodes.failed,
  }
}
