import { path, toggle } from './kind.ts'
import { type SettingGroup, type SettingSpec, spec } from './spec.ts'

const group: SettingGroup = 'Service'

/** The rest. */
export const serviceSpecs: readonly SettingSpec[] = [
  spec('stateDirectory', {
    kind: path<string>(),
    group,
    default: '.plimsoll',
    help: 'Directory for what outlives a run: the embedded database, the compile cache.',
  }),
  spec('openapi.page', {
    kind: toggle(),
    group,
    default: false,
    defaultIn: { dev: true },
    help: 'Serves the API page at /docs.',
  }),
]
