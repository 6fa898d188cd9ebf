import {
  atLeast,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  interleave,
  median,
  packageVersion,
  showRange,
  summarize,
} from '../harness/index.ts'
import {
  connectionsOf,
  type Figures,
  figuresOf,
  goodMs,
  names,
  onceMore,
  openSetting,
  type OverloadSubject,
  overloadSubjects,
  Stage,
  trafficOf,
} from '../overload/index.ts'
import { noisy, offersOf, quiet, quietLoad, type QuietSuccess, quietSuccess, tenants } from './tenants.ts'

/** What the noisy tenant offers, in multiples of an equal share; the first is nothing. */
const noises = [0, 10, 40] as const

interface Level {
  readonly noise: number
  readonly quiet: QuietSuccess
  /** Of what the noisy tenant sent, the share served well; `NaN` when it stayed away. */
  readonly noisy: number
  /** Good answers of all tenants, as a share of the capacity. */
  readonly goodput: number
  readonly figures: Readonly<Record<string, Figures>>
  readonly honest: boolean
}

interface Round {
  readonly levels: readonly Level[]
  /** Whether the capacity was the same at the end. */
  readonly steady: boolean
}

/** What one tenant that asks for far more than its share leaves to the others. */
export const fairness: Benchmark = {
  name: 'fairness',
  summary: 'what nine tenants keep while a tenth offers ten times its share, against a cap and no protection',
  async run (options: BenchmarkOptions): Promise<BenchmarkOutcome> {
    await using setting = await openSetting()
    const subjects = overloadSubjects(setting.work, undefined).filter(({ name }) =>
      [names.served, names.fastify, names.cap].some((chosen) => chosen === name)
    )
    const measured = await interleave(
      subjects,
      options.quick ? 1 : 5,
      (subject) => onceMore(() => measure(subject, options), ({ steady }) => steady)
    )
    return outcome(new Map([...measured].map(([{ name }, rounds]): [string, Round[]] => [name, rounds])))
  },
}

async function measure (subject: OverloadSubject, { quick, say }: BenchmarkOptions): Promise<Round> {
  await using stage = await new Stage({ subject, kind: 'cpu', quick }).open()
  const levels: Level[] = []
  for (const noise of noises) levels.push(await offer(stage, noise, quick))
  const steady = await stage.isSteady()
  say(
    `${subject.name}: the quiet tenants keep ` +
      levels.map((level) => `${level.quiet.all.toFixed(3)} beside ${level.noise}x`).join(', ') +
      (steady ? '' : ' (unsteady)')
  )
  return { levels, steady }
}

async function offer (stage: Stage, noise: number, quick: boolean): Promise<Level> {
  const offers = offersOf(stage.capacity.perSecond, noise)
  const perSecond = offers.reduce((sum, each) => sum + each.perSecond, 0)
  const { report, honest } = await stage.offer({
    phases: [
      { kind: 'poisson', perSecond, durationMs: quick ? 1_000 : 2_000, warmUp: true },
      { kind: 'poisson', perSecond, durationMs: quick ? 1_500 : 4_000 },
    ],
    traffic: trafficOf(offers.map(({ tenant, perSecond: weight }) => ({
      path: '/cpu',
      name: tenant,
      weight,
      headers: { 'x-tenant': tenant },
    }))),
    connections: connectionsOf('open'),
  })
  const figures = new Map(
    offers.map(({ tenant }): [string, Figures] => [tenant, figuresOf(report, (name) => name === tenant)])
  )
  const loud = figures.get(noisy)
  return {
    noise,
    quiet: quietSuccess(figures),
    noisy: loud === undefined ? Number.NaN : loud.good / loud.sent,
    goodput: figuresOf(report).goodPerSecond / stage.capacity.perSecond,
    figures: Object.fromEntries(figures),
    honest,
  }
}

function outcome (measured: ReadonlyMap<string, readonly Round[]>): BenchmarkOutcome {
  const kept = (name: string, noise: number): readonly number[] =>
    honest(measured.get(name) ?? []).map((round) =>
      levelOf(round, noise).quiet.all / levelOf(round, 0).quiet.all
    )
  const key = (noise: number): string =>
    `fairness: what the others keep beside a tenant that offers ${noise}x`
  const keptMedian = (noise: number): number => {
    const rounds = kept(names.served, noise)
    return rounds.length === 0 ? Number.NaN : median(rounds)
  }
  return {
    tables: [
      {
        title: `Fairness on /cpu: ${quiet.length} tenants at ${quietLoad} of an equal share, and a noisy one`,
        columns: [
          'subject',
          'the noisy one offers',
          'others: success',
          'worst of them',
          'kept',
          'noisy: success',
          'goodput',
        ],
        rows: [...measured].flatMap(([name, all]) =>
          noises.map((noise) => {
            const rounds = honest(all)
            if (rounds.length === 0) return [name, `${noise}x`, 'void']
            const of = (figure: (level: Level) => number): string =>
              showRange(summarize(rounds.map((round) => figure(levelOf(round, noise)))))
            return [
              name,
              noise === 0 ? 'nothing' : `${noise}x its share`,
              of((level) => level.quiet.all),
              of((level) => level.quiet.worst),
              noise === 0 ? '' : showRange(summarize(kept(name, noise))),
              noise === 0 ? '' : of((level) => level.noisy),
              of((level) => level.goodput),
            ]
          })
        ),
      },
    ],
    checks: [atLeast(key(10), keptMedian(10), 'of their success', 0.95)],
    measurements: Object.fromEntries(measured),
    versions: { fastify: packageVersion('fastify') },
    notes: [
      `Success: answers 200 within ${goodMs} ms of the intended send time. "Kept": as a share of what the same ` +
      'tenants had in the same round without the noisy one.',
      `Capacity is measured anew each round by a closed loop of one client; an equal share is 1/${tenants} of it. ` +
      'Arrivals are Poisson, on 1,000 connections that were open before; clients give up after 1 s.',
      'A run that the generator calls void is repeated once. Rounds with one that is void again are left out, and those ' +
      'at whose end the capacity differs by more than a fifth from that at the beginning.',
    ],
  }
}

function honest (rounds: readonly Round[]): readonly Round[] {
  return rounds.filter(({ levels, steady }) => steady && levels.every((level) => level.honest))
}

function levelOf ({ levels }: Round, noise: number): Level {
  const level = levels.find((each) => each.noise === noise)
  if (level === undefined) throw new RangeError(`nothing was measured beside ${noise}x`)
  return level
}
