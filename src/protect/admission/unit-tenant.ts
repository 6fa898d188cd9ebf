import type { AdmissionUnit } from './admission-class.ts'

/**
 * Whose unit it is, as far as can be told. It is asked in turns of the event loop that belong to no request, where
 * a function of the app's own that throws would end the process, and a route that needs no tenant must not fail
 * because there is pressure.
 */
export function tenantOf (unit: Pick<AdmissionUnit, 'tenant'>): string | undefined {
  try {
    return unit.tenant
  } catch {
    return undefined
  }
}
