import { type Engine, EngineUnavailableError } from '../../engines/index.ts'
import { type Clock, fullJitter, type Random, sleep, systemClock, systemRandom } from '../../kernel/index.ts'
import type { ServiceEnvironment } from './environment.ts'

/** Between attempts, in milliseconds. */
const backoff = { baseMs: 250, capMs: 5_000 }

export interface Patience {
  readonly clock?: Clock
  readonly random?: Random
}

/**
 * Connects to an engine. One that is not up yet is waited for, however long that takes, and the boot with it: whoever
 * asks for readiness hears that the service is starting. What somebody has to correct stops the boot.
 *
 * @throws EngineUnavailableError for a wrong name, password or certificate
 */
export async function connectWhenUp<Client> (
  engine: Pick<Engine<Client>, 'name' | 'connect'>,
  { telemetry: { logger }, onProgress }: Pick<ServiceEnvironment, 'telemetry' | 'onProgress'>,
  { clock = systemClock, random = systemRandom }: Patience = {}
): Promise<Client> {
  let told: string | undefined
  for (let attempt = 1;; attempt++) {
    try {
      const client = await engine.connect()
      if (told !== undefined)
        logger.info({ engine: engine.name, attempts: attempt }, `${engine.name} is there`)
      return client
    } catch (error) {
      if (!(error instanceof EngineUnavailableError && error.mayPass)) throw error
      // The word for those who look at the boot; it also tells the supervisor that this process is not stuck.
      onProgress(`waiting: ${error.message}`)
      if (told !== error.message)
        logger.warn({ engine: engine.name, target: error.target }, `${error.message}; waiting for it`)
      told = error.message
      await sleep(clock, fullJitter(attempt, backoff, random))
    }
  }
}
