import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  atLeast,
  atMost,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  type Check,
  installPeers,
  interleave,
  median,
  packageVersion,
  pinning,
  ratio,
  showRange,
} from '../harness/index.ts'
import type { MeasureOrder, MemoryUse, Speed } from './measure-main.ts'
import { sharedLimiter } from './shared.ts'
import { limiterSubjects, names, plimsollKeys } from './subjects.ts'

type Subject = (typeof limiterSubjects)[number]

const program = fileURLToPath(new URL('./measure-main.ts', import.meta.url))
const run = promisify(execFile)
const million = 1_000_000
const peers = [names.flexible, names.localDefault, names.localLarge]

/** What a check of a rate limit costs, and what keys cost in memory, against the limiters people use in Node. */
export const limiter: Benchmark = {
  name: 'limiter',
  summary:
    'checks per second and memory of rate limiters, and how far four workers overshoot with Redis and without',
  async run (options: BenchmarkOptions): Promise<BenchmarkOutcome> {
    installPeers(options.say)
    const one = await speeds(1, options)
    const many = await speeds(million, options)
    const keys = options.quick ? million : 10 * million
    const memory = await memoryOf(keys, options)
    return together(outcome(one, many, memory, keys), await sharedLimiter(options))
  },
}

function together (inProcess: BenchmarkOutcome, shared: BenchmarkOutcome): BenchmarkOutcome {
  return {
    tables: [...inProcess.tables, ...shared.tables],
    checks: [...inProcess.checks, ...shared.checks],
    measurements: { inProcess: inProcess.measurements, shared: shared.measurements },
    versions: { ...inProcess.versions, ...shared.versions },
    notes: [...inProcess.notes, ...shared.notes],
  }
}

/** Each measurement in a process of its own, so that nobody inherits another's heap or compiled code. */
async function measure<Result> (order: MeasureOrder): Promise<Result> {
  const [command, ...rest] = [
    ...pinning().server,
    process.execPath,
    '--conditions=plimsoll-source',
    '--expose-gc',
    '--max-old-space-size=8192',
    program,
    JSON.stringify(order),
  ]
  const { stdout } = await run(command as string, rest)
  return JSON.parse(stdout) as Result
}

async function speeds (
  keys: number,
  { quick, say }: BenchmarkOptions
): Promise<ReadonlyMap<string, readonly number[]>> {
  const [rounds, ms] = quick ? [2, 300] : [5, 1_000]
  const measured = await interleave(limiterSubjects, rounds, async ({ name }: Subject, round) => {
    const { checksPerSecond } = await measure<Speed>({ subject: name, kind: 'speed', keys, ms })
    say(`${keys} keys, round ${round + 1}/${rounds}: ${name} ${showMillions(checksPerSecond)} M/s`)
    return checksPerSecond
  })
  return new Map([...measured].map(([{ name }, rates]) => [name, rates]))
}

async function memoryOf (keys: number, { say }: BenchmarkOptions): Promise<ReadonlyMap<string, MemoryUse>> {
  const found = new Map<string, MemoryUse>()
  for (const { name } of limiterSubjects.filter(({ memory }) => memory)) {
    const use = await measure<MemoryUse>({ subject: name, kind: 'memory', keys, ms: 0 })
    say(`memory after ${keys} keys: ${name} ${Math.round(use.grownBytes / 1e6)} MB`)
    found.set(name, use)
  }
  return found
}

function outcome (
  one: ReadonlyMap<string, readonly number[]>,
  many: ReadonlyMap<string, readonly number[]>,
  memory: ReadonlyMap<string, MemoryUse>,
  keys: number
): BenchmarkOutcome {
  const of = (rates: ReadonlyMap<string, readonly number[]>, name: string): readonly number[] =>
    rates.get(name) ?? []
  const shown = (rates: ReadonlyMap<string, readonly number[]>, name: string): string =>
    showMillions(median(of(rates, name)))
  const against = (rates: ReadonlyMap<string, readonly number[]>, name: string): string =>
    showRange(ratio(of(rates, name), of(rates, fastest(rates))))
  return {
    tables: [
      {
        title: 'Limiter: checks per second (M)',
        columns: ['subject', '1 key', 'x fastest peer', '1M keys', 'x fastest peer'],
        rows: limiterSubjects.map(({ name }) => [
          name,
          shown(one, name),
          against(one, name),
          shown(many, name),
          against(many, name),
        ]),
      },
      {
        title: `Limiter: memory after ${keys / million}M distinct keys`,
        columns: ['subject', 'MB', 'bytes a key', 'a limited client is still limited'],
        rows: [...memory].map(([name, { grownBytes, stillLimited }]) => [
          name,
          (grownBytes / 1e6).toFixed(1),
          (grownBytes / keys).toFixed(1),
          stillLimited ? 'yes' : 'no',
        ]),
      },
    ],
    checks: checksOf(one, many, memory),
    measurements: { one: [...one], many: [...many], memory: [...memory] },
    versions: {
      'rate-limiter-flexible': packageVersion('rate-limiter-flexible'),
      '@fastify/rate-limit': packageVersion('@fastify/rate-limit'),
    },
    notes: [
      'A clock read is most of a check with one key. "Arrival known" is given the time, as the request path has read ' +
      'it when a check is due; every other row reads the clock itself, and the checks compare one that does.',
      'Each figure comes from a process of its own. Keys are addresses; with 1M keys each is a new string, as in a ' +
      `server, and Plimsoll's table holds ${plimsollKeys} keys but in the row of its default.`,
      'Of the default table, keys beyond its room share cells: it forgets nobody who is limited, and may limit ' +
      'some newcomers early.',
    ],
  }
}

function checksOf (
  one: ReadonlyMap<string, readonly number[]>,
  many: ReadonlyMap<string, readonly number[]>,
  memory: ReadonlyMap<string, MemoryUse>
): readonly Check[] {
  const share = (rates: ReadonlyMap<string, readonly number[]>): number =>
    ratio(rates.get(names.rate) ?? [], rates.get(fastest(rates)) ?? []).median
  const use = memory.get(names.byDefault)
  return [
    atLeast('limiter: checks per second with 1 key against the fastest peer', share(one), 'ratio', 1),
    atLeast('limiter: checks per second with 1M keys against the fastest peer', share(many), 'ratio', 1),
    atMost('limiter: memory after all keys', use?.grownBytes ?? Number.NaN, 'bytes', 40 * 2 ** 20),
    atLeast(
      'limiter: a limited client is still limited after all keys',
      Number(use?.stillLimited ?? Number.NaN),
      'clients',
      1
    ),
  ]
}

function fastest (rates: ReadonlyMap<string, readonly number[]>): string {
  const speed = (name: string): number => median(rates.get(name) ?? [Number.NaN])
  return peers.toSorted((a, b) => speed(b) - speed(a))[0] as string
}

function showMillions (perSecond: number): string {
  return (perSecond / 1e6).toFixed(2)
}
