import { readFile, writeFile } from 'node:fs/promises'
import { comparePlans } from './compare-plans.ts'
import type { Decision } from './decisions.ts'
import { PlanFileError } from './errors.ts'

/** Plans by the statement's fingerprint. */
export type Plans = Readonly<Record<string, readonly Decision[]>>

/** How the plan of a statement differs from the one in the file. */
export interface PlanDrift {
  readonly statement: string
  /** `new`: the file has none of it; `gone`: the file has one that was not seen. */
  readonly kind: 'changed' | 'new' | 'gone'
  /** What is decided otherwise, in words; empty unless `changed`. */
  readonly changes: readonly string[]
}

/** The decisions change when a rule of this package does. */
const version = 1

/** Compares plans with those of a file, statement by statement. */
export function driftOf (before: Plans, after: Plans): readonly PlanDrift[] {
  const drifts: PlanDrift[] = []
  for (const [statement, plan] of Object.entries(after)) {
    const known = Object.hasOwn(before, statement) ? before[statement] : undefined
    if (known === undefined) {
      drifts.push({ statement, kind: 'new', changes: [] })
      continue
    }
    const changes = comparePlans(known, plan)
    if (changes.length > 0) drifts.push({ statement, kind: 'changed', changes })
  }
  for (const statement of Object.keys(before)) {
    if (!Object.hasOwn(after, statement)) drifts.push({ statement, kind: 'gone', changes: [] })
  }
  return drifts
}

/** @throws PlanFileError for one that is not there, or that this version did not write */
export async function readPlans (file: string): Promise<Plans> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new PlanFileError(file, 'it cannot be read', error)
  }
  try {
    const content = JSON.parse(text) as { readonly version?: unknown; readonly plans?: unknown }
    if (content.version !== version) throw new Error(`its version is not ${version}`)
    if (typeof content.plans !== 'object' || content.plans === null) throw new Error('it has no plans')
    return content.plans as Plans
  } catch (error) {
    throw new PlanFileError(file, error instanceof Error ? error.message : String(error), error)
  }
}

/** Writes plans so that a change of one decision is a change of one line. */
export async function writePlans (file: string, plans: Plans): Promise<void> {
  await writeFile(file, plansText(plans))
}

/** The content of a file of plans: sorted by statement, a decision a line. */
export function plansText (plans: Plans): string {
  const entries = Object.keys(plans).toSorted().map((statement) => {
    const lines = plans[statement]!.map((decision) => `      ${JSON.stringify(decision)}`)
    return `    ${JSON.stringify(statement)}: [\n${lines.join(',\n')}\n    ]`
  })
  return `{\n  "version": ${version},\n  "plans": {\n${entries.join(',\n')}\n  }\n}\n`
}
