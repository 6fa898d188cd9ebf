import { localEngine } from '../../engines/index.ts'
import { Lifecycle } from '../../kernel/index.ts'
import { createLogger, MetricsRegistry, Tracer } from '../../telemetry/index.ts'
import { Health } from '../health/index.ts'
import { resolveSettings, type Settings } from '../settings/index.ts'
import type { ServiceEnvironment } from './environment.ts'

/** An environment for one test, closed with it; `env` are settings by their environment names. */
export interface TestEnvironment extends ServiceEnvironment, AsyncDisposable {
  /** What the boot reported. */
  readonly progress: string[]
}

export async function testEnvironment (
  env: Readonly<Record<string, string>> = {},
  change: (settings: Settings) => Settings = (settings) => settings
): Promise<TestEnvironment> {
  const { settings } = await resolveSettings({ flags: {}, env, configFile: undefined, mode: 'serve' })
  const lifecycle = new Lifecycle()
  const local = localEngine()
  await lifecycle.start({ name: 'local', close: () => local.close() })
  const tracer = new Tracer({ sampleRatio: 0 })
  await lifecycle.start({ name: 'tracer', close: () => tracer.close() })
  const progress: string[] = []
  return {
    settings: change(settings),
    telemetry: { registry: new MetricsRegistry(), tracer, logger: createLogger({ level: 'silent' }) },
    health: new Health({}),
    local: await local.connect(),
    lifecycle,
    onProgress: (message) => void progress.push(message),
    progress,
    [Symbol.asyncDispose]: () => lifecycle.close(),
  }
}
