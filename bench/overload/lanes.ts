import { interleave } from '../harness/index.ts'
import { type Figures, figuresOf } from './figures.ts'
import { Stage } from './stage.ts'
import type { OverloadSubject } from './subjects.ts'
import { connectionsOf, trafficOf } from './traffic.ts'

/** Who asks, and how many of a hundred they are. */
export const lanes = [
  { name: 'critical', path: '/critical/cpu', weight: 10 },
  { name: 'normal', path: '/cpu', weight: 60 },
  { name: 'background', path: '/background/cpu', weight: 30 },
] as const
export type LaneName = (typeof lanes)[number]['name']

/** All of them together, in multiples of the capacity. */
export const lanesLoad = 5

export interface LanesRound {
  readonly lanes: Readonly<Record<LaneName, Figures>>
  readonly goodput: number
  /** The generator did what the plan says, and the capacity was the same at the end. */
  readonly honest: boolean
}

/** Offers more than can be carried, of which a part matters more and a part less. */
export async function measureLanes (
  subjects: readonly OverloadSubject[],
  rounds: number,
  { quick, say }: { readonly quick: boolean; readonly say: (message: string) => void }
): Promise<ReadonlyMap<string, readonly LanesRound[]>> {
  const measured = await interleave(subjects, rounds, async (subject) => {
    await using stage = await new Stage({ subject, kind: 'cpu', quick }).open()
    const perSecond = stage.capacity.perSecond * lanesLoad
    const { report, honest } = await stage.offer({
      phases: [
        { kind: 'poisson', perSecond, durationMs: quick ? 500 : 1_000, warmUp: true },
        { kind: 'poisson', perSecond, durationMs: quick ? 1_000 : 3_000 },
      ],
      traffic: trafficOf(lanes),
      connections: connectionsOf('open'),
    })
    const of = (lane: LaneName): Figures => figuresOf(report, (name) => name === lane)
    const round = {
      lanes: { critical: of('critical'), normal: of('normal'), background: of('background') },
      goodput: figuresOf(report).goodPerSecond / stage.capacity.perSecond,
      honest: honest && await stage.isSteady(),
    }
    say(
      `lanes at ${lanesLoad}x: ${subject.name}, ` +
        lanes.map(({ name }) => `${name} ${successOf(round.lanes[name]).toFixed(3)}`).join(', ')
    )
    return round
  })
  return new Map([...measured].map(([{ name }, found]): [string, readonly LanesRound[]] => [name, found]))
}

/** The share that was answered well and in time. */
export function successOf ({ good, sent }: Figures): number {
  return good / sent
}
