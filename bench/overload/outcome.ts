import {
  atLeast,
  atMost,
  type BenchmarkOutcome,
  type Check,
  median,
  showCount,
  showRange,
  summarize,
  type Table,
} from '../harness/index.ts'
import type { DisturbanceResult } from './disturbances.ts'
import { answeredShare, type Figures, goodMs, sumOfOthers } from './figures.ts'
import { lanes, lanesLoad, type LanesRound, successOf } from './lanes.ts'
import { type Level, loads, type Round, type SeriesResult } from './levels.ts'
import { names } from './subjects.ts'
import { modeText } from './traffic.ts'
import { takes } from './work.ts'

/** Goodput that Plimsoll promises, as a share of its capacity; what every load is divided by. */
const goodputAtLeast: Readonly<Record<number, number>> = { 2: 0.98, 5: 0.97, 10: 0.95 }
const refusedWithinMs = 100
const recoveredWithinMs = 2_000

/** Tables, checks and notes, of what was measured. */
export function outcomeOf (
  series: readonly SeriesResult[],
  lanesFound: ReadonlyMap<string, readonly LanesRound[]>,
  disturbances: readonly DisturbanceResult[],
  missing: readonly string[]
): Omit<BenchmarkOutcome, 'versions'> {
  return {
    tables: [
      ...series.flatMap((each) => [goodputTable(each), answersTable(each)]),
      lanesTable(lanesFound),
      disturbancesTable(disturbances),
    ],
    checks: [
      ...series.flatMap(levelChecks),
      ...lanesChecks(lanesFound.get(names.served) ?? []),
      ...disturbances.flatMap(disturbanceChecks),
    ],
    measurements: {
      series: series.map(({ kind, mode, rounds }) => ({ kind, mode, rounds: Object.fromEntries(rounds) })),
      lanes: Object.fromEntries(lanesFound),
      disturbances,
    },
    notes: [...notes, ...missing, ...voidNotes(series)],
  }
}

const notes: readonly string[] = [
  `Goodput: answers 200 within ${goodMs} ms of the intended send time, as a share of the subject's own capacity. ` +
  'Arrivals are constant (with criticality: Poisson), whatever becomes of those before; clients give up after 1 s ' +
  'and reset.',
  'Capacity is measured anew for each subject and round, by a closed loop: of one client on /cpu, of as many as the ' +
  'pool has connections (10) on /wait and /mixed. It leaves gaps, so more than 1 is possible. "Unloaded" latency is ' +
  'that of the same loop.',
  `/cpu computes for ${takes.cpu.cpuMs} ms; /wait waits ${takes.wait.waitMs} ms for PostgreSQL; /mixed waits ` +
  `${takes.mixed.waitMs} ms and computes for ${takes.mixed.cpuMs} ms. The database shares the generator's core.`,
  'The next load begins when the server is idle; one that is not within 2 s is ended and started again.',
  'A run that the generator calls void is repeated once, and so is a round at whose end the ' +
  'capacity differs by more than a fifth from that at its beginning. What is void again stands in the ' +
  'measurements, marked, and in no ' +
  'figure of a table or a check.',
  'In the retry storm, clients that were refused send again at once; one that got no answer does not come back.',
]

/** The runs at `load` that were honest, of rounds that were steady. */
function honestLevels (rounds: readonly Round[], load: number): readonly Level[] {
  return rounds.flatMap(({ levels, steady }) =>
    steady ? levels.filter((level) => level.load === load && level.honest) : []
  )
}

function goodputTable ({ kind, mode, rounds }: SeriesResult): Table {
  return {
    title: `/${kind}, ${modeText[mode]}: goodput, and p99 of the admitted in ms`,
    columns: ['subject', 'capacity/s', ...loads.flatMap((load) => [`${load}x`, 'p99'])],
    rows: [...rounds].map(([name, found]) => [
      name,
      showCount(median(found.map(({ capacity }) => capacity.perSecond))),
      ...loads.flatMap((load) => {
        const levels = honestLevels(found, load)
        if (levels.length === 0) return ['void', '']
        return [
          levels.length === 1 ?
            (levels[0]?.goodput ?? Number.NaN).toFixed(2) :
            showRange(summarize(levels.map(({ goodput }) => goodput))),
          showMs(levels.map(({ figures }) => figures.admittedP99Ms)),
        ]
      }),
    ]),
  }
}

function answersTable ({ kind, mode, rounds }: SeriesResult): Table {
  return {
    title: `/${kind}, ${modeText[mode]}: what became of those who were not served`,
    columns: ['subject', 'load', 'not served', 'of them 503', '503 p50 ms', 'p99 ms', 'no answer', 'busy ms'],
    rows: [...rounds].flatMap(([name, found]) =>
      loads.slice(1).flatMap((load) => {
        const levels = honestLevels(found, load)
        if (levels.length === 0) return [[name, `${load}x`, 'void']]
        const all = levels.map(({ figures }) => figures)
        return [[
          name,
          `${load}x`,
          showShare(median(all.map(({ sent, admitted }) => 1 - admitted / sent))),
          showShare(median(all.map(answeredShare))),
          showMs(all.map(({ refusedP50Ms }) => refusedP50Ms)),
          showMs(all.map(({ refusedP99Ms }) => refusedP99Ms)),
          showOthers(all),
          showMs(levels.map(({ idleAfterMs }) => idleAfterMs)),
        ]]
      })
    ),
  }
}

function lanesTable (found: ReadonlyMap<string, readonly LanesRound[]>): Table {
  return {
    title: `/cpu at ${lanesLoad}x, 1,000 connections open: success (200 within ${goodMs} ms) by criticality`,
    columns: ['subject', ...lanes.map(({ name, weight }) => `${name} (${weight} %)`), 'goodput'],
    rows: [...found].map(([subject, rounds]) => [
      subject,
      ...lanes.map(({ name }) =>
        showRange(summarize(rounds.map((round) => successOf(round.lanes[name]))), 3)
      ),
      showRange(summarize(rounds.map(({ goodput }) => goodput))),
    ]),
  }
}

function disturbancesTable (disturbances: readonly DisturbanceResult[]): Table {
  return {
    title:
      'Plimsoll, disturbances: of what could be served (the offer, or the capacity): the share served well',
    columns: ['disturbance', 'before', 'during', 'after', 'recovered ms', '503 p99 ms', 'no answer'],
    rows: disturbances.map(({ name, before, during, after, recoveryMs, figures, honest }) => [
      honest ? name : `${name} (void)`,
      showRatio(before),
      showRatio(during),
      showRatio(after),
      showMs([recoveryMs]),
      showMs([figures.refusedP99Ms]),
      showOthers([figures]),
    ]),
  }
}

function levelChecks ({ kind, mode, rounds }: SeriesResult): readonly Check[] {
  const found = rounds.get(names.served) ?? []
  const where = (load: number): string => `overload: /${kind} at ${load}x, ${modeText[mode]}`
  const unloaded = median(found.map(({ capacity }) => capacity.unloadedP99Ms))
  return loads.slice(1).flatMap((load) => {
    const levels = honestLevels(found, load)
    const of = (figure: (level: Level) => number): number =>
      levels.length === 0 ? Number.NaN : median(levels.map(figure))
    return [
      atLeast(
        `${where(load)}: goodput`,
        of(({ goodput }) => goodput),
        'of capacity',
        goodputAtLeast[load] ?? 1
      ),
      atLeast(
        `${where(load)}: refused requests that were answered`,
        of(({ figures }) => answeredShare(figures)),
        'share',
        1
      ),
      atMost(
        `${where(load)}: p99 of a 503`,
        of(({ figures }) => figures.refusedP99Ms),
        'ms',
        refusedWithinMs
      ),
      atMost(
        `${where(load)}: p99 of the admitted`,
        of(({ figures }) => figures.admittedP99Ms),
        'ms',
        Math.round(2 * unloaded + 50)
      ),
    ]
  })
}

function lanesChecks (rounds: readonly LanesRound[]): readonly Check[] {
  const honest = rounds.filter((round) => round.honest)
  const of = (figure: (round: LanesRound) => number): number =>
    honest.length === 0 ? Number.NaN : median(honest.map(figure))
  return [
    atLeast(
      `overload: success of critical requests at ${lanesLoad}x`,
      of(({ lanes: { critical } }) => successOf(critical)),
      'share',
      0.99
    ),
    atLeast(
      `overload: success of normal requests less that of background ones at ${lanesLoad}x`,
      of(({ lanes: { normal, background } }) => successOf(normal) - successOf(background)),
      'share',
      0
    ),
  ]
}

function disturbanceChecks ({ name, recoveryMs, honest }: DisturbanceResult): readonly Check[] {
  return [
    atMost(`overload: recovery from ${name}`, honest ? recoveryMs : Number.NaN, 'ms', recoveredWithinMs),
  ]
}

function voidNotes (series: readonly SeriesResult[]): readonly string[] {
  return series.flatMap(({ kind, mode, rounds }) =>
    [...rounds].flatMap(([name, found]) => {
      const reasons = found.flatMap(({ voided }) => voided)
      return reasons.length === 0 ? [] : [
        `/${kind}, ${modeText[mode]}, ${name}: ${reasons.length} runs void or doubtful, e.g. ${reasons[0]}.`,
      ]
    })
  )
}

function showMs (values: readonly number[]): string {
  const known = values.filter((value) => !Number.isNaN(value))
  if (known.length === 0) return ''
  const value = median(known)
  return value === Infinity ? 'never' : value < 10 ? value.toFixed(1) : value.toFixed(0)
}

function showRatio (value: number): string {
  return Number.isNaN(value) ? '' : value.toFixed(2)
}

function showShare (value: number): string {
  return `${(100 * value).toFixed(value > 0.995 && value < 1 ? 2 : 0)} %`
}

function showOthers (figures: readonly Figures[]): string {
  const others = Object.entries(sumOfOthers(figures)).toSorted(([, one], [, other]) => other - one)
  return others.length === 0 ?
    'none' :
    others.map(([what, count]) => `${what} ${showCount(count)}`).join(', ')
}
