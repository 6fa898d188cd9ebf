import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/kernel/index.ts'
import type { LoadReport, Traffic } from '../../src/plan/load/index.ts'
import { pinning, type Server, type ServerCommand, startServer } from '../harness/index.ts'
import { type Figures, figuresOf } from './figures.ts'
import { planFor, runHonestly } from './honest-run.ts'
import { goodShare, recoveryMs, type Slice, slicedPhases, slicesOf, wholeRate } from './recovery.ts'
import type { Setting } from './setting.ts'
import { Stage } from './stage.ts'
import type { OverloadSubject } from './subjects.ts'
import { connectionsOf, trafficOf } from './traffic.ts'
import type { Kind } from './work.ts'

/** Something that goes wrong while a load goes on, and is over after a while. */
interface Disturbance {
  readonly name: string
  readonly kind: Kind
  /** Arrivals in multiples of the capacity; `ms` from the beginning. */
  readonly load: (ms: number, span: Span) => number
  readonly retries?: number
  /** What happens beside the arrivals; settles when it is over. */
  readonly happen?: (stage: Stage, setting: Setting, span: Span) => Promise<void>
}

/** When a disturbance begins and ends: milliseconds from the beginning of the run. */
interface Window {
  readonly fromMs: number
  readonly toMs: number
}

interface Span extends Window {
  /** The end of the run. */
  readonly endMs: number
}

export interface DisturbanceResult {
  readonly name: string
  /** Of what could have been served well: what was, before, during and after. */
  readonly before: number
  readonly during: number
  readonly after: number
  /** From the end of the disturbance; `Infinity` for never. */
  readonly recoveryMs: number
  readonly fromMs: number
  readonly toMs: number
  readonly figures: Figures
  readonly slices: readonly Slice[]
  readonly honest: boolean
}

const disturbances: readonly Disturbance[] = [
  { name: 'step 0.5x, 5x, 0.5x', kind: 'cpu', load: step },
  {
    name: 'ramp from 0.5x to 5x, then 0.5x',
    kind: 'cpu',
    load: (ms, { fromMs, toMs }) =>
      ms < fromMs || ms >= toMs ? 0.5 : 0.5 + 4.5 * (ms - fromMs) / (toMs - fromMs),
  },
  { name: 'retry storm: 0.5x, 5x, 0.5x, each sent up to 4 times', kind: 'cpu', load: step, retries: 3 },
  {
    name: 'slow database: /wait takes 10 times as long, at 0.8x',
    kind: 'wait',
    load: () => 0.8,
    happen: slow,
  },
  { name: 'event loop blocked for 300 ms, at 0.8x', kind: 'cpu', load: () => 0.8, happen: block },
  { name: 'event loop blocked for 300 ms, at 2x', kind: 'cpu', load: () => 2, happen: block },
]

/** Runs all of them on a subject, and a cold start on top. */
export async function measureDisturbances (
  subject: OverloadSubject,
  setting: Setting,
  { quick, say }: { readonly quick: boolean; readonly say: (message: string) => void }
): Promise<readonly DisturbanceResult[]> {
  const span = quick ?
    { fromMs: 1_000, toMs: 2_000, endMs: 4_500 } :
    { fromMs: 2_000, toMs: 4_000, endMs: 8_000 }
  const results: DisturbanceResult[] = []
  let found: DisturbanceResult[] = []
  const add = (result: DisturbanceResult): void => {
    found.push(result)
    say(`${result.name}: recovered after ${result.recoveryMs.toFixed(0)} ms`)
  }
  for (const kind of ['cpu', 'wait'] as const) {
    await using stage = await new Stage({ subject, kind, quick }).open()
    for (const disturbance of disturbances.filter((each) => each.kind === kind)) {
      add(await disturb(stage, disturbance, setting, span))
    }
    if (kind === 'cpu') add(await coldStart(subject, stage, span))
    const steady = await stage.isSteady()
    results.push(...found.map((result) => ({ ...result, honest: result.honest && steady })))
    found = []
  }
  return results
}

async function disturb (
  stage: Stage,
  { name, kind, load, retries = 0, happen }: Disturbance,
  setting: Setting,
  span: Span
): Promise<DisturbanceResult> {
  const { perSecond } = stage.capacity
  const rateAt = (ms: number): number => wholeRate(load(ms, span) * perSecond)
  const event = new Once(span.fromMs, () => happen?.(stage, setting, span))
  const { report, honest } = await stage.offer({
    phases: slicedPhases(span.endMs, rateAt),
    traffic: trafficFor(`/${kind}`, retries),
    connections: connectionsOf('open'),
  }, { onProgress: ({ elapsedMs }) => event.at(elapsedMs) })
  const window = await windowOf(event, report, span)
  return resultOf(name, slicesOf(report.phases, rateAt), window, perSecond, figuresOf(report), honest)
}

/** The process is started while arrivals of twice its capacity come; the disturbance ends when it listens. */
async function coldStart (subject: OverloadSubject, stage: Stage, span: Span): Promise<DisturbanceResult> {
  const { perSecond } = stage.capacity
  const rateAt = (): number => wholeRate(2 * perSecond)
  const port = await freePort()
  const command = listeningAt(subject.command, port)
  let server: Server | undefined
  const event = new Once(span.fromMs, async () => {
    server = await startServer(command, { prefix: pinning().server })
  })
  try {
    const { report, honest } = await runHonestly(() =>
      planFor({ host: '127.0.0.1', port }, {
        phases: slicedPhases(span.endMs, rateAt),
        traffic: trafficFor('/cpu', 0),
        connections: connectionsOf('anew'),
      }), { onProgress: ({ elapsedMs }) => event.at(elapsedMs), tries: 1 })
    const window = await windowOf(event, report, span)
    const slices = slicesOf(report.phases, rateAt)
    return resultOf('cold start, at 2x', slices, window, perSecond, figuresOf(report), honest)
  } finally {
    await server?.stop(500)
  }
}

/** Does something once, at the first progress from a given time on, and knows when it was over. */
class Once {
  readonly #fromMs: number
  readonly #act: () => Promise<void> | undefined
  #doing: Promise<Window> | undefined

  constructor (fromMs: number, act: () => Promise<void> | undefined) {
    this.#fromMs = fromMs
    this.#act = act
  }

  /** Beginning and end, in milliseconds since the epoch; `undefined` when nothing was done. */
  get done (): Promise<Window> | undefined {
    return this.#doing
  }

  at (elapsedMs: number): void {
    if (elapsedMs < this.#fromMs || this.#doing !== undefined) return
    const fromMs = systemClock.epochMs()
    this.#doing = this.#act()?.then(() => ({ fromMs, toMs: systemClock.epochMs() }))
  }
}

/** When the disturbance was: as planned, or as it came. */
async function windowOf (event: Once, { startedAtMs }: LoadReport, span: Span): Promise<Window> {
  const happened = await event.done
  if (happened === undefined) return span
  return { fromMs: happened.fromMs - startedAtMs, toMs: happened.toMs - startedAtMs }
}

function resultOf (
  name: string,
  slices: readonly Slice[],
  { fromMs, toMs }: Window,
  perSecond: number,
  figures: Figures,
  honest: boolean
): DisturbanceResult {
  const part = (from: number, to: number): number =>
    goodShare(slices.filter(({ startMs }) => startMs >= from && startMs < to), perSecond)
  return {
    name,
    before: part(0, fromMs),
    during: part(fromMs, toMs),
    after: part(toMs, Infinity),
    recoveryMs: recoveryMs(slices, toMs, perSecond),
    fromMs,
    toMs,
    figures,
    slices,
    honest,
  }
}

function step (ms: number, { fromMs, toMs }: Span): number {
  return ms < fromMs || ms >= toMs ? 0.5 : 5
}

async function slow (_stage: Stage, setting: Setting, { fromMs, toMs }: Span): Promise<void> {
  await setting.slowDown(10)
  await pause(toMs - fromMs)
  await setting.slowDown(1)
}

async function block ({ server: { address: { host, port } } }: Stage): Promise<void> {
  const response = await fetch(`http://${host}:${port}/bench/block`)
  if (!response.ok) throw new Error(`the route that blocks the event loop answered ${response.status}`)
}

function trafficFor (path: string, retries: number): Traffic {
  if (retries === 0) return trafficOf([{ path }])
  return { kind: 'module', url: new URL('retry-traffic.ts', import.meta.url).href, input: { path, retries } }
}

function listeningAt ({ argv, ...rest }: ServerCommand, port: number): ServerCommand {
  return { ...rest, argv: argv.map((word) => word === '127.0.0.1:0' ? `127.0.0.1:${port}` : word) }
}

/** Another process may take it first; then the subject says so. */
async function freePort (): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
