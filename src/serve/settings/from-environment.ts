import type { Given } from './given.ts'
import { nearest } from './nearest.ts'
import { settingSpecs } from './specs.ts'

/** Variables by name, as `process.env` holds them. An empty one counts as not set. */
export type Environment = Readonly<Record<string, string | undefined>>

const prefix = 'PLIMSOLL_'

/** What the environment says: each setting's own variable, or else the one that others agreed on. */
export function givenByEnvironment (environment: Environment): Given[] {
  return settingSpecs.flatMap((spec) => {
    const place = [spec.env, spec.commonEnv].find((name) => name !== undefined && isSet(environment, name))
    if (place === undefined) return []
    return [{ spec, data: spec.kind.fromText(environment[place] ?? ''), origin: 'environment', place }]
  })
}

/**
 * One sentence for each variable that looks like a misspelt setting.
 *
 * A warning and no error: Kubernetes sets `PLIMSOLL_PORT`, `PLIMSOLL_SERVICE_HOST` and more in every pod
 * beside a Service that is called plimsoll.
 */
export function suspectVariables (environment: Environment): string[] {
  const known = settingSpecs.map(({ env }) => env)
  return Object.keys(environment).filter((name) => name.startsWith(prefix) && !known.includes(name)).flatMap(
    (name) => {
      const meant = nearest(name, known)
      return meant === undefined ? [] : [`${name} is not a setting; did you mean ${meant}?`]
    }
  )
}

/** Whether the variable is there and not empty. */
export function isSet (environment: Environment, name: string): boolean {
  return (environment[name] ?? '') !== ''
}
