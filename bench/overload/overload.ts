import {
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  installPeers,
  packageVersion,
  versionOf,
} from '../harness/index.ts'
import { measureDisturbances } from './disturbances.ts'
import { measureLanes } from './lanes.ts'
import { measureSeries, type Series, type SeriesResult } from './levels.ts'
import { outcomeOf } from './outcome.ts'
import { openSetting } from './setting.ts'
import { names, type OverloadSubject, overloadSubjects } from './subjects.ts'
import type { ConnectionMode } from './traffic.ts'
import type { Kind } from './work.ts'

/** What more load than a server can carry leaves of its service, and who is told so. */
export const overload: Benchmark = {
  name: 'overload',
  summary:
    'goodput, refusals and recovery at up to ten times the capacity, against other protections and none',
  async run (options: BenchmarkOptions): Promise<BenchmarkOutcome> {
    installPeers(options.say)
    await using setting = await openSetting()
    const subjects = overloadSubjects(setting.work, setting.python)
    const series: SeriesResult[] = []
    for (const each of seriesOf(subjects, options.quick)) series.push(await measureSeries(each, options))
    const lanes = await measureLanes(
      pick(subjects, [names.served, names.cap]),
      options.quick ? 1 : 3,
      options
    )
    const served = subjects.find(({ name }) => name === names.served) as OverloadSubject
    const disturbances = await measureDisturbances(served, setting, options)
    const missing = setting.python === undefined ?
      [
        'Flask was not measured: it needs gunicorn, gevent and Flask (Debian: `apt-get install gunicorn ' +
        'python3-flask python3-gevent`).',
      ] :
      []
    return {
      ...outcomeOf(series, lanes, disturbances, missing),
      versions: {
        fastify: packageVersion('fastify'),
        '@fastify/under-pressure': packageVersion('@fastify/under-pressure'),
        gunicorn: versionOf('gunicorn'),
      },
    }
  },
}

/** Everything where it matters most, and less where it would say the same again. */
function seriesOf (subjects: readonly OverloadSubject[], quick: boolean): readonly Series[] {
  const of = (
    kind: Kind,
    mode: ConnectionMode,
    [rounds, peerRounds]: readonly [number, number],
    chosen: readonly string[]
  ): Series => ({ kind, mode, rounds, peerRounds, subjects: pick(subjects, chosen) })
  const { served, nodeHttp, fastify, connections, pressure, cap, gunicorn } = names
  if (quick) return [of('cpu', 'open', [1, 1], [served, cap]), of('wait', 'anew', [1, 1], [served])]
  return [
    of('cpu', 'open', [3, 1], [served, nodeHttp, connections, pressure, cap, gunicorn]),
    of('cpu', 'anew', [2, 1], [served, connections, cap]),
    of('cpu', 'fresh', [1, 1], [served]),
    of('wait', 'open', [2, 1], [served, fastify, cap]),
    of('wait', 'anew', [1, 1], [served]),
    of('mixed', 'open', [2, 1], [served, cap]),
    of('mixed', 'anew', [1, 1], [served]),
  ]
}

function pick (subjects: readonly OverloadSubject[], chosen: readonly string[]): readonly OverloadSubject[] {
  return subjects.filter(({ name }) => chosen.includes(name))
}
