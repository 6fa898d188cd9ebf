import { fileURLToPath } from 'node:url'
import { SettingError } from '../../../kernel/index.ts'
import { type LoadDefinition, loadMark } from './definition.ts'
import { ScenarioError, thrownAt } from './errors.ts'
import { resolveScenario, type Scenario } from './scenario.ts'

/**
 * Loads the scenario that a module exports as its default.
 *
 * @param overrides win over what the module says; their headers and thresholds come on top of its own
 * @throws ScenarioError when it is missing, throws (with file and line), or holds something wrong (with its place)
 */
export async function loadScenario (
  moduleUrl: URL,
  overrides: Partial<LoadDefinition> = {}
): Promise<Scenario> {
  const path = fileURLToPath(moduleUrl)
  const definition = definitionIn(await importModule(moduleUrl, path), path)
  try {
    return resolveScenario({
      ...definition,
      ...overrides,
      headers: { ...definition.headers, ...overrides.headers },
      thresholds: [...definition.thresholds ?? [], ...overrides.thresholds ?? []],
    })
  } catch (error) {
    if (!(error instanceof SettingError)) throw error
    throw new ScenarioError('SCENARIO_INVALID', `${path}: ${error.message}`, error)
  }
}

async function importModule (moduleUrl: URL, path: string): Promise<unknown> {
  try {
    return await import(moduleUrl.href)
  } catch (error) {
    const { code, url } = error as { code?: unknown; url?: unknown }
    // Only the module itself: an import of its own that is missing is an error in it.
    if (code === 'ERR_MODULE_NOT_FOUND' && url === moduleUrl.href) {
      throw new ScenarioError('SCENARIO_NOT_FOUND', `there is no scenario ${path}`, error)
    }
    throw new ScenarioError('SCENARIO_THREW', `${path} threw while loading: ${thrownAt(error)}`, error)
  }
}

function definitionIn (module: unknown, path: string): LoadDefinition {
  const { default: exported } = module as { default?: unknown }
  if (isDefined(exported)) return exported
  const what = exported === undefined ? 'no default' : `a default that is ${typeof exported}`
  throw new ScenarioError(
    'SCENARIO_INVALID',
    `${path} must export its load test as its default: export default defineLoad({ ... }); it exports ${what}`
  )
}

function isDefined (exported: unknown): exported is LoadDefinition {
  return typeof exported === 'object' && exported !== null && loadMark in exported
}
