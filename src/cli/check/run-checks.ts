import { fileURLToPath } from 'node:url'
import { loadService, type Service } from '../../serve/service/index.ts'
import { type ResolvedSettings, SettingsError } from '../../serve/settings/index.ts'
import type { Arguments } from '../command.ts'
import { InterruptedError } from '../errors.ts'
import { exitCodes } from '../exit-code.ts'
import { type Accent, painter } from '../paint.ts'
import { pathFrom } from '../places.ts'
import { findModule, settle } from '../settle.ts'
import type { Surroundings } from '../surroundings.ts'
import { checkDatabase, checkRedis, checkTls } from './engines.ts'
import { checkRoutes } from './routes.ts'
import type { Verdict } from './verdict.ts'

/** What a check found. */
export interface CheckResult {
  readonly name: string
  readonly status: 'ok' | 'failed' | 'skipped'
  /** What is so, or what is wrong and what to do. */
  readonly message: string
  /** What was thrown, for `--verbose`. */
  readonly error?: unknown
}

/** Runs all checks, and shows them. A check whose ground is missing is left out, not failed. */
export async function runChecks (given: Arguments, surroundings: Surroundings): Promise<number> {
  const module = findModule(given, surroundings)
  const results: CheckResult[] = []

  async function step<T> (name: string, work: () => Promise<readonly [Verdict, T]>): Promise<T | undefined> {
    try {
      const [verdict, value] = await work()
      results.push(resultOf(name, verdict))
      return value
    } catch (error) {
      if (error instanceof InterruptedError) throw error
      results.push({ name, status: 'failed', message: messageOf(error), error })
      return undefined
    }
  }

  const resolved = await step('settings', async () => {
    const settled = await settle(given, surroundings, 'serve')
    return [summaryOf(settled), settled]
  })
  const service = await step('module', async () => {
    const loaded = await loadService(module)
    return [
      `${
        pathFrom(surroundings.directory, fileURLToPath(module))
      } is the service "${loaded.name}" ${loaded.version}`,
      loaded,
    ]
  })
  if (resolved !== undefined && service !== undefined) {
    for (const [name, check] of checksOf(service, resolved)) {
      await step(name, async () => [await check(), undefined])
    }
  }
  show(results, given, surroundings)
  return results.some(({ status }) => status === 'failed') ? exitCodes.failed : exitCodes.ok
}

function checksOf (
  service: Service,
  { settings }: ResolvedSettings
): readonly (readonly [name: string, check: () => Promise<Verdict>])[] {
  return [
    ['tls', () => checkTls(settings)],
    ['routes', () => checkRoutes(service, settings)],
    ['database', () => checkDatabase(service, settings)],
    ['redis', () => checkRedis(service, settings)],
  ]
}

function resultOf (name: string, verdict: Verdict): CheckResult {
  if (typeof verdict === 'string') return { name, status: 'ok', message: verdict }
  return { name, status: 'skipped', message: verdict.skipped }
}

function summaryOf ({ origins, warnings }: ResolvedSettings): string {
  const given = Object.values(origins).filter((origin) => origin !== 'default').length
  return [`valid, ${given} of ${Object.keys(origins).length} given`, ...warnings].join('; ')
}

function messageOf (error: unknown): string {
  if (error instanceof SettingsError) return error.errors.map(({ message }) => message).join('\n')
  return error instanceof Error ? error.message : String(error)
}

function show (results: readonly CheckResult[], { options }: Arguments, surroundings: Surroundings): void {
  const { stdout } = surroundings
  if (options['json'] === true) {
    const checks = results.map(({ name, status, message }) => ({ name, status, message }))
    const ok = results.every(({ status }) => status !== 'failed')
    stdout.write(`${JSON.stringify({ ok, checks }, null, 2)}\n`)
    return
  }
  const paint = painter(stdout, surroundings)
  const accents: Record<CheckResult['status'], Accent> = { ok: 'green', failed: 'red', skipped: 'dim' }
  for (const { name, status, message, error } of results) {
    const text = message.split('\n').join(`\n${' '.repeat(18)}`)
    stdout.write(`${paint(accents[status], status.padEnd(7))} ${name.padEnd(9)} ${text}\n`)
    if (options['verbose'] === true && error instanceof Error) stdout.write(`${error.stack ?? ''}\n`)
  }
}
