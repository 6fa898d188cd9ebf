import { EngineMissingError } from './errors.ts'

/**
 * Loads a client that only those install who use its engine.
 *
 * @throws EngineMissingError when it is not installed
 */
export async function loadPackage<Module> (
  engine: string,
  packageName: string,
  load: () => Promise<Module>
): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error
    throw new EngineMissingError(engine, packageName, error)
  }
}
