import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import {
  atLeast,
  atMost,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  findTool,
  hasProc,
  installPeers,
  median,
  packageVersion,
  pinning,
  type Server,
  showCount,
  startServer,
  versionOf,
} from '../harness/index.ts'
import { Crowd } from './crowd.ts'
import { type KillSeries, killWorkers } from './kill.ts'
import { LineWatch } from './line-watch.ts'
import { type Mode, modes } from './mode.ts'
import { gunicornSubject, plimsollSubject, pm2Subject, type ReloadSubject, wattSubject } from './subjects.ts'
import { makeTlsFiles, type TlsFiles } from './tls-files.ts'

/** One runtime in one mode. */
interface Series {
  readonly subject: string
  readonly mode: string
  readonly reloads: number
  readonly sent: number
  readonly failed: number
  readonly failures: Readonly<Record<string, number>>
  readonly reasons: string
  readonly connections: number
  readonly reloadSeconds: number
}

/** What a reload under load loses, and what a killed worker takes with it. */
export const reload: Benchmark = {
  name: 'reload',
  summary: 'requests lost by reloads under load and by a killed worker, against pm2, Watt and gunicorn',
  async run (options: BenchmarkOptions): Promise<BenchmarkOutcome> {
    installPeers(options.say)
    const notes: string[] = []
    const tls = await makeTlsFiles()
    const series: Series[] = []
    for (const subject of subjects(notes)) {
      for (const mode of modes) {
        try {
          series.push(await reloadUnderLoad(subject, mode, tls, options))
        } catch (error) {
          notes.push(`${subject.name}, ${mode.name} was not measured: ${(error as Error).message}`)
        }
      }
    }
    const kills = await killSeries(notes, options)
    return outcome(series, kills, notes, options.quick)
  },
}

function subjects (notes: string[]): readonly ReloadSubject[] {
  const gunicorn = findTool('gunicorn')
  if (gunicorn === undefined) {
    notes.push('gunicorn was not measured: it is not on PATH (Debian and Ubuntu: apt-get install gunicorn)')
  }
  const found = gunicorn === undefined ? [] : [gunicornSubject(gunicorn)]
  return [plimsollSubject, pm2Subject(), wattSubject, ...found]
}

async function reloadUnderLoad (
  subject: ReloadSubject,
  mode: Mode,
  tls: TlsFiles,
  { quick, say }: BenchmarkOptions
): Promise<Series> {
  const ours = subject === plimsollSubject
  const reloads = quick ? 3 : ours ? 30 : 5
  const lines = new LineWatch()
  await using server = await start(subject, mode.tls ? tls : undefined, lines)
  const crowd = new Crowd(server.address, mode)
  const tookSeconds: number[] = []
  await pause(1_000)
  for (let done = 0; done < reloads; done++) {
    const startedMs = performance.now()
    await subject.reload(server, lines)
    tookSeconds.push((performance.now() - startedMs) / 1000)
    await pause(250)
    const { sent, reasons } = crowd.tally
    say(
      `${subject.name}, ${mode.name}: reload ${done + 1}/${reloads}, ${
        showCount(sent)
      } sent, failed: ${reasons}`
    )
  }
  await pause(1_000) // what the last reload left behind is still draining
  await crowd.leave()
  const { sent, failed, failures, reasons, connections } = crowd.tally
  return {
    subject: subject.name,
    mode: mode.name,
    reloads,
    sent,
    failed,
    failures: Object.fromEntries(failures),
    reasons,
    connections,
    reloadSeconds: median(tookSeconds),
  }
}

async function killSeries (
  notes: string[],
  { quick, say }: BenchmarkOptions
): Promise<KillSeries | undefined> {
  if (!hasProc()) {
    notes.push('killed workers were not measured: what a worker holds is read from /proc (Linux)')
    return undefined
  }
  const lines = new LineWatch()
  try {
    await using server = await start(plimsollSubject, undefined, lines)
    return await killWorkers(server, lines, { kills: quick ? 3 : 20, say })
  } catch (error) {
    notes.push(`killed workers were not measured: ${(error as Error).message}`)
    return undefined
  }
}

/**
 * The server is not pinned here: it runs two workers, and boots two more while they serve.
 * The clients keep to the second core when there is one.
 */
async function start (
  subject: ReloadSubject,
  tls: TlsFiles | undefined,
  lines: LineWatch
): Promise<Server> {
  const command = subject.command(await freePort(), tls)
  return startServer(command, { prefix: pinning().all, onLine: lines.take })
}

/** For runtimes that cannot tell which port they got. Another process may take it first; then they say so. */
async function freePort (): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function outcome (
  series: readonly Series[],
  kills: KillSeries | undefined,
  notes: readonly string[],
  quick: boolean
): BenchmarkOutcome {
  const ours = series.filter(({ subject }) => subject === plimsollSubject.name)
  const ofOurs = (mode: string, field: 'failed' | 'reloads' | 'sent'): number =>
    ours.find((each) => each.mode === mode)?.[field] ?? Number.NaN
  const allSent = modes.reduce((sum, { name }) => sum + ofOurs(name, 'sent'), 0)
  return {
    tables: [
      {
        title: 'Reload under load: two workers, slow and streaming answers in flight',
        columns: ['runtime', 'clients', 'reloads', 'requests', 'failed', 'per reload', 'reload s', 'reasons'],
        rows: series.map((each) => [
          each.subject,
          each.mode,
          String(each.reloads),
          showCount(each.sent),
          showCount(each.failed),
          (each.failed / each.reloads).toFixed(2),
          each.reloadSeconds.toFixed(2),
          each.reasons,
        ]),
      },
      ...(kills === undefined ? [] : [{
        title: 'Plimsoll: kill -9 of a worker under load (keep-alive)',
        columns: ['kills', 'requests', 'held by the killed', 'failed', 'failed beyond held', 'reasons'],
        rows: [[
          String(kills.kills.length),
          showCount(kills.sent),
          showCount(kills.held),
          showCount(kills.failed),
          showCount(kills.beyondHeld),
          kills.reasons,
        ]],
      }]),
    ],
    checks: [
      ...modes.map(({ name }) =>
        atMost(`reload: failed requests of Plimsoll, ${name}`, ofOurs(name, 'failed'), 'requests', 0)
      ),
      atLeast(
        'reload: fewest reloads of Plimsoll in a mode',
        Math.min(...modes.map(({ name }) => ofOurs(name, 'reloads'))),
        'reloads',
        quick ? 3 : 30
      ),
      atLeast(
        'reload: requests sent to Plimsoll during reloads',
        allSent,
        'requests',
        quick ? 1_000 : 30_000
      ),
      atMost(
        'kill: failed requests that no killed worker held',
        kills?.beyondHeld ?? Number.NaN,
        'requests',
        0
      ),
    ],
    measurements: { series, kills },
    versions: {
      pm2: packageVersion('pm2'),
      wattpm: packageVersion('wattpm'),
      gunicorn: versionOf('gunicorn'),
    },
    notes: [
      ...notes,
      'A request is sent once, never again; it has failed unless every byte of its answer came. Peers reload ' +
      'fewer times than Plimsoll, so compare them by the column "per reload".',
    ],
  }
}
