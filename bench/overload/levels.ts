import { interleave } from '../harness/index.ts'
import { type Figures, figuresOf } from './figures.ts'
import { onceMore } from './once-more.ts'
import { type Capacity, Stage } from './stage.ts'
import { names, type OverloadSubject } from './subjects.ts'
import { type ConnectionMode, connectionsOf, modeText, trafficOf } from './traffic.ts'
import type { Kind } from './work.ts'

/** What is offered, in multiples of the subject's own capacity. */
export const loads = [1, 2, 5, 10] as const

/** Subjects beside each other on one route, with clients that connect in one way. */
export interface Series {
  readonly kind: Kind
  readonly mode: ConnectionMode
  /** Of Plimsoll, whose figures are judged; the others have `peerRounds`, the first ones. */
  readonly rounds: number
  readonly peerRounds: number
  readonly subjects: readonly OverloadSubject[]
}

/** One load on one subject in one round. */
export interface Level {
  readonly load: number
  readonly figures: Figures
  /** Good answers, as a share of the capacity that the subject had in this round. */
  readonly goodput: number
  /** How long the server went on after the load; `Infinity` when it had to be ended. */
  readonly idleAfterMs: number
  /** Whether the generator did what the plan says. What was not honest is in no median. */
  readonly honest: boolean
}

/** One subject in one round. */
export interface Round {
  readonly capacity: Capacity
  readonly levels: readonly Level[]
  /** Whether the subject's capacity was the same at the end. What was not is in no median. */
  readonly steady: boolean
  readonly voided: readonly string[]
}

export interface SeriesResult {
  readonly kind: Kind
  readonly mode: ConnectionMode
  readonly rounds: ReadonlyMap<string, readonly Round[]>
}

export async function measureSeries (
  { kind, mode, rounds, peerRounds, subjects }: Series,
  { quick, say }: { readonly quick: boolean; readonly say: (message: string) => void }
): Promise<SeriesResult> {
  const measured = await interleave(subjects, rounds, async (subject, number) => {
    if (subject.name !== names.served && number >= peerRounds) return []
    const measure = (): Promise<Round> =>
      measureRound(subject, {
        kind,
        mode,
        quick,
        say: (message) => say(`round ${number + 1}/${rounds}: ${message}`),
      })
    return [await onceMore(measure, ({ steady }) => steady)]
  })
  return {
    kind,
    mode,
    rounds: new Map(
      [...measured].map(([{ name }, found]): [string, readonly Round[]] => [name, found.flat()])
    ),
  }
}

interface RoundOptions {
  readonly kind: Kind
  readonly mode: ConnectionMode
  readonly quick: boolean
  readonly say: (message: string) => void
}

async function measureRound (
  subject: OverloadSubject,
  { kind, mode, quick, say }: RoundOptions
): Promise<Round> {
  await using stage = await new Stage({ subject, kind, quick }).open()
  const levels: Level[] = []
  for (const load of loads) levels.push(await offer(stage, kind, mode, load, quick))
  const steady = await stage.isSteady()
  const { capacity, voided } = stage
  say(
    `/${kind}, ${modeText[mode]}: ${subject.name}, ` +
      `capacity ${capacity.perSecond.toFixed(0)}/s, goodput ${
        levels.map(({ goodput, honest }) => `${goodput.toFixed(2)}${honest ? '' : ' (void)'}`).join(' / ')
      }${steady ? '' : ' (unsteady)'}`
  )
  return { capacity, levels, steady, voided }
}

async function offer (
  stage: Stage,
  kind: Kind,
  mode: ConnectionMode,
  load: number,
  quick: boolean
): Promise<Level> {
  const { perSecond } = stage.capacity
  const { report, honest, idleAfterMs } = await stage.offer({
    phases: [
      { kind: 'constant', perSecond: perSecond * load, durationMs: quick ? 500 : 800, warmUp: true },
      { kind: 'constant', perSecond: perSecond * load, durationMs: quick ? 1_000 : 1_800 },
    ],
    traffic: trafficOf([{ path: `/${kind}` }]),
    connections: connectionsOf(mode),
  })
  const figures = figuresOf(report)
  return { load, figures, goodput: figures.goodPerSecond / perSecond, idleAfterMs, honest }
}
