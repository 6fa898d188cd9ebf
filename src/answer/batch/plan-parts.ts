import { Problem } from '../../kernel/index.ts'
import { batchProblems } from './problems.ts'
import type { Part } from './read-batch.ts'

/** One request to be run, and the parts that its answer is for. */
export interface Step {
  readonly part: Part
  readonly ids: readonly string[]
  /** Steps that have to succeed first. */
  readonly after: readonly Step[]
}

/**
 * What is to be run: identical GETs once. Two are identical when nothing that the client said of them differs,
 * what they wait for included; a part that may change something is never left out.
 *
 * @throws Problem when parts wait for each other in a circle
 */
export function planParts (parts: readonly Part[]): readonly Step[] {
  const groups = new Map<string, Part[]>()
  for (const part of parts) {
    const key = identity(part)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [part])
    else group.push(part)
  }
  const stepOf = new Map<string, { readonly part: Part; readonly ids: string[]; readonly after: Step[] }>()
  const steps = [...groups.values()].map((group) => {
    const [part] = group as [Part]
    const step = { part, ids: group.map(({ id }) => id), after: [] as Step[] }
    for (const id of step.ids) stepOf.set(id, step)
    return step
  })
  for (const step of steps) {
    for (const id of step.part.dependsOn) {
      const other = stepOf.get(id)
      if (other !== undefined && !step.after.includes(other)) step.after.push(other)
    }
  }
  refuseCircles(steps)
  return steps
}

function identity ({ id, method, path, headers, dependsOn }: Part): string {
  if (method !== 'GET') return id
  const fields = Object.entries(headers).toSorted(([a], [b]) => a < b ? -1 : 1)
  // A list, which no id is.
  return JSON.stringify([path, fields, dependsOn.toSorted()])
}

function refuseCircles (steps: readonly Step[]): void {
  const waiting = new Map(steps.map((step) => [step, step.after.length]))
  const free = steps.filter(({ after }) => after.length === 0)
  for (const step of free) {
    waiting.delete(step)
    for (const [other, count] of waiting) {
      if (!other.after.includes(step)) continue
      waiting.set(other, count - 1)
      if (count === 1) free.push(other)
    }
  }
  const [caught] = waiting.keys()
  if (caught === undefined) return
  const detail = `"${caught.part.id}" waits for itself by way of what it depends on.`
  throw new Problem(batchProblems.BATCH_MALFORMED, { detail })
}
