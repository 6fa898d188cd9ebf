import type { Random } from '../../src/kernel/index.ts'

/** What can happen to a program. */
export interface Victims {
  /** Pids of the processes that do the work, as they are now. */
  workers(): Promise<readonly number[]>
  /** PostgreSQL is killed, and started again on the same data. */
  restartDatabase(): Promise<void>
  /** `undefined` where there is no broker. */
  readonly restartBroker: ((downMs: number) => Promise<void>) | undefined
}

export const disasters = [
  'killed -9',
  'stopped beyond its lease',
  'starved',
  'database restarted',
  'broker stopped',
] as const

export type Disaster = (typeof disasters)[number]

export interface ChaosOptions {
  readonly victims: Victims
  readonly random: Random
  /** Longer than a lease, in milliseconds. */
  readonly pauseMs: number
  /** Between two disasters: up to twice so long, in milliseconds. */
  readonly breathMs: number
  readonly say?: (what: string) => void
}

/** Has one disaster follow another, in an order that the seed decides. */
export class Chaos {
  readonly happened: Record<Disaster, number> = {
    'killed -9': 0,
    'stopped beyond its lease': 0,
    starved: 0,
    'database restarted': 0,
    'broker stopped': 0,
  }
  readonly #options: ChaosOptions

  constructor (options: ChaosOptions) {
    this.#options = options
  }

  /** Begins no further disaster after so long; those that have begun are over when it resolves. */
  async run (ms: number): Promise<void> {
    const { random, breathMs } = this.#options
    const endMs = performance.now() + ms
    const pending: Promise<void>[] = []
    while (performance.now() < endMs) {
      await sleep(breathMs * 2 * random())
      pending.push(this.#strike(random()))
    }
    await Promise.all(pending)
  }

  async #strike (chance: number): Promise<void> {
    const { victims, random, pauseMs, say = () => {} } = this.#options
    const disaster = disasterOf(chance, victims.restartBroker !== undefined)
    const luck = random()
    const workers = await victims.workers().catch(() => [])
    const victim = workers[Math.floor(luck * workers.length)]
    say(disaster)
    if (disaster === 'database restarted') await victims.restartDatabase()
    else if (disaster === 'broker stopped') await victims.restartBroker?.(500 + luck * 2_000)
    else if (victim === undefined) return
    else if (disaster === 'killed -9') signal(victim, 'SIGKILL')
    else if (disaster === 'starved') await starve(victim, 2_000)
    else await stop(victim, pauseMs)
    this.happened[disaster]++
  }
}

function disasterOf (chance: number, hasBroker: boolean): Disaster {
  if (chance < 0.45) return 'killed -9'
  if (chance < 0.65) return 'stopped beyond its lease'
  if (chance < 0.8) return 'starved'
  return chance < 0.9 || !hasBroker ? 'database restarted' : 'broker stopped'
}

async function stop (pid: number, ms: number): Promise<void> {
  signal(pid, 'SIGSTOP')
  await sleep(ms)
  signal(pid, 'SIGCONT')
}

/** It gets a fifth of the time. */
async function starve (pid: number, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 50) {
    await stop(pid, 40)
    await sleep(10)
  }
}

/** It may have ended meanwhile. */
function signal (pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // Whoever has gone needs no signal.
  }
}

function sleep (ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
