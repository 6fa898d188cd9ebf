import { SettingError } from './setting-error.ts'

/**
 * How much a unit of work matters when not all of it can be done, from first to last kept.
 *
 * @see https://sre.google/sre-book/handling-overload/ criticality
 */
export const criticalities = ['critical', 'normal', 'sheddable', 'background'] as const

/** One of {@link criticalities}. The default is `'normal'`. */
export type Criticality = (typeof criticalities)[number]

/** @throws SettingError when `value` is none of {@link criticalities} */
export function parseCriticality (value: unknown, setting = 'criticality'): Criticality {
  const found = criticalities.find((criticality) => criticality === value)
  if (found === undefined) throw new SettingError(setting, `one of ${criticalities.join(', ')}`, value)
  return found
}
