import { runSupervisor } from '../serve/runtime/index.ts'
import type { Mode, ResolvedSettings } from '../serve/settings/index.ts'
import { asksForDatabase } from './asks-for-database.ts'
import type { Arguments } from './command.ts'
import { EmbeddedDatabase } from './embedded-database.ts'
import type { Places } from './places.ts'
import { openReporter } from './reporter.ts'
import { settle } from './settle.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * Runs a service until it is stopped; `dev` reloads it when a file changes, and says where things are.
 *
 * Standard output is the service's: its log goes there. What happens to it is told on standard error, for
 * people; with `--json` as JSON lines on standard output, beside the log's own.
 *
 * @returns the supervisor's exit code
 */
export async function launch (
  module: URL,
  given: Arguments,
  surroundings: Surroundings,
  mode: Mode
): Promise<number> {
  const reporter = openReporter(given, surroundings)
  await using database = new EmbeddedDatabase(reporter)

  async function resolve (): Promise<ResolvedSettings> {
    const resolved = await settle(given, surroundings, mode)
    // As a default it is for services that declare a database; who asks for it by name gets it.
    const isWanted = resolved.origins['database.url'] !== 'default' || await asksForDatabase(module)
    return isWanted ? database.provide(resolved) : resolved
  }

  let latest = await interruptible(resolve(), surroundings)
  for (const warning of latest.warnings) reporter.note(warning)
  let isFresh = true
  let places: Pick<Places, 'addresses' | 'admin'> = { addresses: [] }
  const { exitCode } = await runSupervisor({
    module,
    mode,
    watch: mode === 'dev',
    async resolve () {
      if (!isFresh) latest = await resolve()
      isFresh = false
      return latest
    },
    report (event) {
      reporter.event(event)
      if (event.kind === 'listening') places = { ...places, addresses: event.addresses }
      if (event.kind === 'admin-listening') places = { ...places, admin: event }
      if (event.kind === 'booted' && mode === 'dev') {
        reporter.places({ ...places, settings: latest.settings, dataDirectory: database.directory })
      }
    },
  })
  return exitCode
}

/** The work's result, or an InterruptedError if somebody asks to stop before the supervisor is there to hear. */
async function interruptible<T> (work: Promise<T>, surroundings: Surroundings): Promise<T> {
  using interrupts = surroundings.watchInterrupts()
  const interruption = Promise.withResolvers<never>()
  const { signal } = interrupts
  signal.addEventListener('abort', () => interruption.reject(signal.reason), { once: true })
  return await Promise.race([work, interruption.promise])
}
