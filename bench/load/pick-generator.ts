import type { Generator } from './closed-loop.ts'
import { ownGenerator } from './own-generator.ts'
import { wrkGenerator } from './wrk.ts'

/** wrk where it is installed, else the own generator, which loads a fast server less. */
export function pickGenerator (): Generator {
  return wrkGenerator() ?? ownGenerator()
}
