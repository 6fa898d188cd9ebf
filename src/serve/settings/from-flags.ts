import { PlacedSettingError } from './errors.ts'
import type { Given } from './given.ts'
import { nearest } from './nearest.ts'
import { settingSpecs } from './specs.ts'

/** Flags by name without dashes, as `util.parseArgs` gives them. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

/** What the flags say; a flag that is no setting is an error. */
export function givenByFlags (flags: Flags): { given: Given[]; errors: PlacedSettingError[] } {
  const given: Given[] = []
  const errors: PlacedSettingError[] = []
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined) continue
    const place = `--${name}`
    const spec = settingSpecs.find(({ flag }) => flag === place)
    if (spec === undefined) {
      errors.push(unknownFlag(place, value))
      continue
    }
    given.push({ spec, data: dataOf(value, spec.kind.fromText), origin: 'flag', place })
  }
  return { given, errors }
}

function dataOf (value: string | boolean | readonly string[], fromText: (text: string) => unknown): unknown {
  if (typeof value === 'boolean') return value
  return typeof value === 'string' ? fromText(value) : value.flatMap(fromText)
}

function unknownFlag (place: string, value: unknown): PlacedSettingError {
  const meant = nearest(place, settingSpecs.map(({ flag }) => flag))
  return new PlacedSettingError({
    setting: place,
    rule: 'a flag that exists',
    value,
    place: 'command line',
    message: `${place} is not a flag${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  })
}
