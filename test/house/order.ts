/** The wings of the house, each with those it may import: arrows point down only (docs/architecture.md). */
export const wings: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  telemetry: ['kernel'],
  engines: ['kernel', 'telemetry'],
  data: ['kernel', 'telemetry', 'engines'],
  call: ['kernel', 'telemetry', 'engines'],
  protect: ['kernel', 'telemetry', 'engines', 'data', 'call'],
  answer: ['kernel', 'telemetry', 'engines', 'data', 'call'],
  work: ['kernel', 'telemetry', 'engines', 'data', 'call'],
  see: ['kernel', 'telemetry'],
  serve: ['kernel', 'telemetry', 'engines', 'data', 'call', 'protect', 'answer', 'work', 'see'],
  plan: ['kernel'],
  cli: [
    'kernel',
    'telemetry',
    'engines',
    'data',
    'call',
    'protect',
    'answer',
    'work',
    'see',
    'serve',
    'plan',
  ],
}

const parts = ['settings', 'listen', 'health', 'admin', 'compute', 'pipeline', 'gateway']

/** Inside `serve`: the parts know nothing of each other, a service joins them, the runtime runs it. */
export const serveFolders: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(parts.map((part) => [part, []])),
  admin: ['health'], // the shape of a health report, which it answers with
  service: parts,
  runtime: [...parts, 'service'],
}

/** What reads time or chance, or waits: only the kernel's ports may, so that tests can own both. */
export const ambient: readonly (readonly string[])[] = [
  ['Date', '.', 'now'],
  ['new', 'Date', '(', ')'],
  ['Math', '.', 'random'],
  ['performance', '.', 'now'],
  ['process', '.', 'hrtime'],
  ['setTimeout'],
  ['setInterval'],
]

/** Files that use one of `ambient` all the same, each with its reason. */
export const ambientAllowed: Readonly<Record<string, string>> = {
  'src/kernel/clock.ts': 'is the clock port',
  'src/kernel/random.ts': 'is the randomness port',
  'src/engines/embedded/embedded-postgres.ts':
    'holds the process open while its server starts; it times nothing',
}

/** File names that say nothing of what is in them. */
export const namelessFiles: readonly string[] = ['types.ts', 'utils.ts', 'util.ts', 'helpers.ts', 'common.ts']
