import type { IncomingHttpHeaders } from 'node:http'
import { criticalities, type Criticality } from '../../kernel/index.ts'

/** How a trusted peer says how much its request matters. */
export const criticalityHeader = 'plimsoll-criticality'

/** What the header says; `undefined` when there is none, or none that has a meaning. */
export function readCriticality (headers: IncomingHttpHeaders): Criticality | undefined {
  const text = headers[criticalityHeader]
  return text === undefined ? undefined : criticalities.find((criticality) => criticality === text)
}

/** The one that is kept less long. */
export function lower (one: Criticality, other: Criticality | undefined): Criticality {
  if (other === undefined) return one
  return criticalities.indexOf(one) >= criticalities.indexOf(other) ? one : other
}
