import type { TestContext } from 'node:test'
import { requireEngine } from '../../test/engines.fixture.ts'

/** A program that a whole group of tests needs. */
export interface EngineProgram {
  readonly path: string
  /** For the options of `describe`: why the group is skipped, or false. */
  readonly skip: string | false
}

/**
 * Finds it before any test runs. Where it is missing the group is skipped with the reason, and where engines are
 * required, the file fails.
 *
 *     const nats = engineProgram('nats-server', 'apt-get install nats-server')
 *     describe('against a real server', { skip: nats.skip }, () => { ... })
 */
export function engineProgram (command: string, install: string): EngineProgram {
  let skip: string | false = false
  const recorder = { skip: (reason: string) => skip = reason } as unknown as TestContext
  const path = requireEngine(recorder, command, install)
  return { path: path ?? command, skip }
}
