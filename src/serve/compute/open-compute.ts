import { type Compute, ThreadCompute } from './compute.ts'
import { type ComputeOptions, resolveComputeOptions } from './options.ts'

/**
 * Opens a bounded pool of threads that run the functions which a module exports.
 *
 * ```ts
 * const compute = await openCompute<typeof import('./tasks.ts')>({ module: new URL('./tasks.ts', import.meta.url) })
 * const hash = await compute.run('hashPassword', { password }, { deadline })
 * ```
 *
 * @throws ComputeModuleError when the module cannot be loaded, or exports no function
 * @throws SettingError
 */
export async function openCompute<Tasks = Record<string, (input: unknown) => unknown>> (
  options: ComputeOptions
): Promise<Compute<Tasks>> {
  const compute = new ThreadCompute(resolveComputeOptions(options))
  await compute.open()
  // The names and types of a module are known to the compiler alone.
  return compute as unknown as Compute<Tasks>
}
