import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violations } from './boundaries.ts'

/** A house that keeps every rule; each test breaks one of them. */
const sound: Readonly<Record<string, string>> = {
  'src/index.ts': `export { serve } from './serve/runtime/index.ts'`,
  'src/kernel/index.ts': `export { type Clock, systemClock } from './clock.ts'`,
  'src/kernel/clock.ts': 'export const systemClock = { now: () => Date.now(), wait: setTimeout }',
  'src/telemetry/index.ts': `export * from './metrics/index.ts'`,
  'src/telemetry/slot.ts': 'export type Slot = number',
  'src/telemetry/metrics/index.ts': `export { count } from './count.ts'`,
  'src/telemetry/metrics/count.ts': `import type { Slot } from '../slot.ts'\nexport const count: Slot = 1`,
  'src/telemetry/metrics/count.test.ts': `import { count } from './index.ts'`,
  'src/engines/index.ts': `export { engine } from './engine.ts'`,
  'src/engines/engine.ts': 'export const engine = 1',
  'src/engines/engine.contract.ts': 'export const check = 1',
  'src/data/index.ts': `export { read } from './read.ts'`,
  'src/data/read.ts': `import { systemClock } from '../kernel/index.ts'\nexport const read = 1`,
  'src/data/read.contract.ts': `export const check = 1`,
  'src/call/index.ts': `export { call } from './call.ts'`,
  'src/call/call.ts': 'export const call = 1',
  'src/call/call.test.ts': `import { check } from '../engines/engine.contract.ts'`,
  'src/serve/health/index.ts': `export { health } from './health.ts'`,
  'src/serve/health/health.ts': 'export const health = 1',
  'src/serve/settings/index.ts': `export { settings } from './settings.ts'`,
  'src/serve/settings/settings.ts': 'export const settings = 1',
  'src/serve/runtime/index.ts': `export { serve } from './serve.ts'`,
  'src/serve/runtime/serve.ts': `
    import { health } from '../health/index.ts'
    export const serve = health`,
  'src/plan/index.ts': `export { plan } from './plan.ts'`,
  'src/plan/plan.ts': 'export const plan = 1',
  'src/cli/main.ts': `import { serve } from '../serve/runtime/index.ts'`,
}

test('a house that keeps the rules has no violation', () => {
  assert.deepEqual(broken({}), [])
})

const breaks: readonly (readonly [claim: string, files: Record<string, string>, expected: RegExp])[] = [
  [
    'a wing may not import a wing above it',
    { 'src/kernel/clock.ts': `export { count } from '../telemetry/index.ts'` },
    /^src\/kernel\/clock\.ts:1: kernel may not import telemetry/,
  ],
  [
    'wings of the same height may not import each other',
    { 'src/data/read.ts': `import { call } from '../call/index.ts'` },
    /data may not import call/,
  ],
  [
    'plan drives services from outside and never imports serve',
    { 'src/plan/plan.ts': `import { health } from '../serve/health/index.ts'` },
    /plan may not import serve/,
  ],
  [
    'a type import counts as an import',
    { 'src/data/read.ts': `import type { call } from '../call/index.ts'` },
    /data may not import call/,
  ],
  [
    'import() counts as an import',
    { 'src/data/read.ts': `export const read = await import('../call/index.ts')` },
    /data may not import call/,
  ],
  [
    'a wing may not import the whole package',
    { 'src/data/read.ts': `import '../index.ts'` },
    /not the whole package/,
  ],
  [
    'the package may not import its command line',
    { 'src/index.ts': `export { main } from './cli/main.ts'` },
    /command line/,
  ],
  [
    'a test obeys the order of wings too',
    { 'src/data/read.test.ts': `import { serve } from '../serve/runtime/index.ts'` },
    /data may not import serve/,
  ],
  [
    'the parts of serve may not import each other',
    { 'src/serve/health/health.ts': `import { settings } from '../settings/index.ts'` },
    /serve\/health may not import serve\/settings/,
  ],
  [
    'another folder is entered by its face only',
    { 'src/data/read.ts': `import { systemClock } from '../kernel/clock.ts'` },
    /other folders import src\/kernel\/index\.ts only/,
  ],
  [
    'a folder below is another folder too',
    { 'src/telemetry/slot.ts': `import { count } from './metrics/count.ts'` },
    /other folders import src\/telemetry\/metrics\/index\.ts only/,
  ],
  [
    'a test enters other folders by their faces as well',
    { 'src/call/call.test.ts': `import { read } from '../data/read.ts'` },
    /other folders import src\/data\/index\.ts only/,
  ],
  [
    'no file imports its own face',
    { 'src/data/read.ts': `import { other } from './index.ts'` },
    /its own face/,
  ],
  [
    'no file imports the face of a folder it lies in',
    { 'src/telemetry/metrics/count.ts': `import { other } from '../index.ts'` },
    /its own face/,
  ],
  [
    'only tests import what is made for tests',
    { 'src/data/read.ts': `import { check } from './read.contract.ts'` },
    /only tests may import/,
  ],
  [
    'nothing outside src is imported',
    { 'src/data/read.ts': `import '../../scripts/x.ts'` },
    /scripts\/x\.ts, which is not part of the package/,
  ],
  ['an import resolves', { 'src/data/read.ts': `import './gone.ts'` }, /does not exist/],
  [
    'files import each other in no circle',
    {
      'src/data/a.ts': `import './b.ts'`,
      'src/data/b.ts': `import './c.ts'`,
      'src/data/c.ts': `import type { A } from './a.ts'`,
    },
    /an import circle: src\/data\/a\.ts -> src\/data\/b\.ts -> src\/data\/c\.ts -> src\/data\/a\.ts/,
  ],
  ['every folder has a face', { 'src/work/jobs/jobs.ts': 'export const a = 1' }, /no face/],
  [
    'a face holds no logic',
    { 'src/data/index.ts': `export { read } from './read.ts'\nexport const twice = 2` },
    /names only/,
  ],
  [
    'a face imports nothing for itself',
    { 'src/data/index.ts': `import './read.ts'` },
    /names only/,
  ],
  ['a wing has a place in the order', { 'src/extra/index.ts': '' }, /extra has no place/],
  [
    'a folder of serve has a place in the order',
    { 'src/serve/extra/index.ts': '' },
    /serve\/extra has no place/,
  ],
  ['a file is not called utils.ts', { 'src/data/utils.ts': '' }, /says nothing/],
  ['Date.now is the kernel’s', { 'src/data/read.ts': 'export const a = Date.now()' }, /Date\.now outside/],
  ['new Date() is too', { 'src/data/read.ts': 'export const a = new Date()' }, /newDate\(\) outside/],
  [
    'Math.random is too',
    { 'src/data/read.ts': '\n\nlet a = Math.random()' },
    /read\.ts:3: Math\.random outside/,
  ],
  [
    'performance.now is too',
    { 'src/data/read.ts': '`${`${performance.now()}`}`' },
    /performance\.now outside/,
  ],
  ['setTimeout is too', { 'src/data/read.ts': 'setTimeout(() => {}, 5)' }, /setTimeout outside/],
  [
    'another name for setTimeout is no way around',
    { 'src/data/read.ts': `import { setTimeout as wait } from 'node:timers/promises'` },
    /setTimeout outside/,
  ],
  [
    'globalThis.setTimeout is the same',
    { 'src/data/read.ts': 'globalThis.setTimeout(f)' },
    /setTimeout outside/,
  ],
]

for (const [claim, files, expected] of breaks) {
  test(claim, () => {
    assert.match(broken(files).join('\n'), expected)
  })
}

test('comments, strings, templates and regular expressions are not code', () => {
  const source = [
    '// import "../call/index.ts"; Date.now()',
    '/* import "../call/index.ts"',
    '   setTimeout() */',
    `const a = "import '../call/index.ts'; Date.now()"`,
    'const b = `import "../call/index.ts" ${`Date.now() ${1}`} setTimeout()`',
    'const c = /["\'`/]import "..\\/call\\/index.ts"/',
    'const d = 4 / 2 // "',
    `const e = { from: './x', import: 1 }`,
    'export { a }',
  ].join('\n')
  assert.deepEqual(broken({ 'src/data/read.ts': source }), [])
})

test('methods and types of the same names are not the globals', () => {
  const source = [
    'socket.setTimeout(5)',
    'let timer: ReturnType<typeof setTimeout>',
    'new Date(5)',
    'clock.Date.now()',
  ].join('\n')
  assert.deepEqual(broken({ 'src/data/read.ts': source }), [])
})

test('code after a template, a regular expression or an import of many lines is still read', () => {
  const source = 'const a = `x ${ { b: 1 } } y`\nconst r = /`/\nimport {\n  call,\n} from "../call/index.ts"'
  assert.match(
    broken({ 'src/data/read.ts': source }).join('\n'),
    /^src\/data\/read\.ts:5: data may not import call/
  )
})

function broken (changed: Readonly<Record<string, string>>): readonly string[] {
  return violations(new Map(Object.entries({ ...sound, ...changed })))
}
