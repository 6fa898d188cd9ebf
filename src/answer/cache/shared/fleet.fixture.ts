import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { ipcChannel, type LocalServer } from '../../../engines/index.ts'
import type { PurgeReceipt, SharedCache } from '../shared-cache.ts'
import type { MemberCommand, MemberOrder, MemberReport } from './member.fixture.ts'

/** Processes that serve one value of a database from their memories, and the ledger of what they served. */
export class ServingFleet implements AsyncDisposable {
  readonly members: readonly ChildProcess[]
  readonly #purger: SharedCache
  #version = 1
  /** When the purge of all versions below one was acknowledged, on the machine's monotonic clock, in ms. */
  readonly #acknowledged: (readonly [version: number, atMs: number])[] = []

  private constructor (members: readonly ChildProcess[], purger: SharedCache) {
    this.members = members
    this.#purger = purger
  }

  /** @param supervisor serves the local engine to the members, when that is what they share */
  static async start (
    count: number,
    order: MemberOrder,
    purger: SharedCache,
    supervisor?: LocalServer
  ): Promise<ServingFleet> {
    const members = Array.from(
      { length: count },
      () =>
        fork(new URL('member.fixture.ts', import.meta.url), { execArgv: ['--conditions=plimsoll-source'] })
    )
    const fleet = new ServingFleet(members, purger)
    await Promise.all(members.map(async (member) => {
      if (supervisor !== undefined) {
        const detach = supervisor.attach(ipcChannel(member))
        member.once('exit', detach)
      }
      member.on('message', (message) => {
        if (isObject(message) && 'ask' in message)
          fleet.#tell(member, { say: 'version', version: fleet.#version })
      })
      member.send(order)
      await said(member, 'ready')
    }))
    return fleet
  }

  /** Writes a new version, and purges what was made of the old ones. */
  async write (): Promise<PurgeReceipt> {
    const version = ++this.#version
    const receipt = await this.#purger.purges.purge(['product:1'], 'soft')
    this.#acknowledged.push([version, nowMs()])
    return receipt
  }

  async reports (members: readonly ChildProcess[] = this.members): Promise<readonly MemberReport[]> {
    return Promise.all(members.map(async (member) => {
      this.#tell(member, { say: 'report' })
      return (await said(member, 'report'))['report'] as MemberReport
    }))
  }

  /** Decisions to serve an old version that were begun after its purge had been acknowledged. */
  async staleServed (): Promise<readonly string[]> {
    const reports = await this.reports()
    return reports.flatMap(({ lastServedMs }, member) =>
      lastServedMs.flatMap(([version, servedMs]) =>
        this.#acknowledged
          .filter(([newer, atMs]) => version < newer && servedMs > atMs)
          .map(([newer, atMs]) =>
            `${member} served ${version} ${(servedMs - atMs).toFixed(1)} ms after ${newer}`
          )
      )
    )
  }

  async allServe (version: number = this.#version): Promise<boolean> {
    const reports = await this.reports()
    return reports.every(({ lastServedMs }) => lastServedMs.some(([served]) => served === version))
  }

  async lead (member: ChildProcess, key: string, leaseMs: number): Promise<unknown> {
    this.#tell(member, { say: 'lead', key, leaseMs })
    return (await said(member, 'role'))['role']
  }

  async land (member: ChildProcess, value: string): Promise<void> {
    this.#tell(member, { say: 'land', value })
    await said(member, 'landed')
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await Promise.all(this.members.map(async (member) => {
      if (member.exitCode !== null || member.signalCode !== null) return
      const exited = once(member, 'exit')
      member.kill('SIGKILL')
      await exited
    }))
  }

  #tell (member: ChildProcess, command: MemberCommand): void {
    member.send(command)
  }
}

export function nowMs (): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** The next message of a member that has a property. */
function said (member: ChildProcess, property: string): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const late = AbortSignal.timeout(60_000)
    const listen = (message: unknown): void => {
      if (!isObject(message) || !(property in message)) return
      member.off('message', listen)
      resolve(message)
    }
    member.on('message', listen)
    late.addEventListener('abort', () => reject(new Error(`a member never said ${property}`)), { once: true })
  })
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
