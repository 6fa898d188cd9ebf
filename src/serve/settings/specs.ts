import { addressSpecs } from './address-specs.ts'
import { answerSpecs } from './answer-specs.ts'
import { engineSpecs } from './engine-specs.ts'
import { phaseSpecs } from './phase-specs.ts'
import { protectSpecs } from './protect-specs.ts'
import { requestSpecs } from './request-specs.ts'
import { serviceSpecs } from './service-specs.ts'
import type { SettingKey } from './settings.ts'
import { signalSpecs } from './signal-specs.ts'
import type { SettingSpec } from './spec.ts'
import { workSpecs } from './work-specs.ts'
import { workerSpecs } from './worker-specs.ts'

/** Every setting, in the order in which it is shown. */
export const settingSpecs: readonly SettingSpec[] = [
  ...addressSpecs,
  ...workerSpecs,
  ...requestSpecs,
  ...protectSpecs,
  ...answerSpecs,
  ...workSpecs,
  ...phaseSpecs,
  ...signalSpecs,
  ...engineSpecs,
  ...serviceSpecs,
]

const byKey: ReadonlyMap<string, SettingSpec> = new Map(settingSpecs.map((spec) => [spec.key, spec]))

/** All names, in the order in which they are shown. */
export const settingKeys: readonly SettingKey[] = settingSpecs.map(({ key }) => key)

/** The spec of a name; `undefined` when there is no such setting. */
export function findSpec (key: string): SettingSpec | undefined {
  return byKey.get(key)
}
