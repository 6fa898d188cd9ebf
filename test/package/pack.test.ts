import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { emptyProject, exportedSpecifiers, oldestNodeBinary, root, run } from './project.fixture.ts'

test('the packed package, installed in an empty project', async (t) => {
  await using project = await emptyProject()
  const { folder } = project
  const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root })
  assert.equal(packed.code, 0, packed.stdout + packed.stderr)
  const tarball = parseReport(packed.stdout)
  const installed = await run('npm', [
    'install',
    '--prefer-offline',
    '--no-audit',
    join(folder, tarball.filename),
    `@types/node@${await ownVersionOf('@types/node')}`,
  ], { cwd: folder })
  assert.equal(installed.code, 0, installed.stderr)

  await t.test('holds the code with its declarations, and no tests', () => {
    const paths = tarball.files.map(({ path }) => path)
    const code = paths.filter((path) => path.startsWith('dist/') && path.endsWith('.js'))
    assert.ok(code.length > 0)
    assert.deepEqual(
      code.filter((path) =>
        !path.startsWith('dist/chunks/') && !paths.includes(path.replace(/\.js$/, '.d.ts'))
      ),
      []
    )
    assert.deepEqual(
      paths.filter((path) => /\.(test|fixture|contract)\.|^(src|test|bench|examples)\//.test(path)),
      []
    )
    for (const expected of ['LICENSE', 'README.md', 'CHANGELOG.md', 'bin/plimsoll.js', 'package.json']) {
      assert.ok(paths.includes(expected), `${expected} is missing`)
    }
  })

  await t.test('loads every export on the oldest supported Node.js, without the optional engines', async (t) => {
    const node = await oldestNode(t)
    if (node === undefined) return
    assert.ok(!existsSync(join(folder, 'node_modules/ioredis')), 'the optional peer must not be there')
    const lines = (await exportedSpecifiers()).map((specifier) =>
      specifier.endsWith('.json') ?
        `await import('${specifier}', { with: { type: 'json' } })` :
        `if (Object.keys(await import('${specifier}')).length === 0) throw new Error('${specifier} is empty')`
    )
    await writeFile(join(folder, 'load.js'), lines.join('\n'))
    const loaded = await run(node, ['load.js'], { cwd: folder })
    assert.equal(loaded.code, 0, loaded.stderr)
    assert.equal(loaded.stderr, '')
  })

  await t.test('brings a command that answers npx plimsoll --help on the oldest supported Node.js', async (t) => {
    const node = await oldestNode(t)
    if (node === undefined) return
    const help = await run('npx', ['plimsoll', '--help'], { cwd: folder, path: dirname(node) })
    assert.equal(help.code, 0, help.stderr)
    for (const command of ['dev', 'serve', 'config', 'check'])
      assert.match(help.stdout, new RegExp(`\\b${command}\\b`))
  })

  for (const moduleResolution of ['nodenext', 'bundler']) {
    await t.test(`type-checks in a strict project without the optional engines, moduleResolution ${moduleResolution}`, async () => {
      await writeFile(join(folder, 'consumer.ts'), await consumer())
      await typeCheck(folder, 'consumer.ts', moduleResolution)
    })
  }

  await t.test('has the types of the optional engines where they are', async () => {
    const specs = await peerSpecs()
    const peers = await run('npm', ['install', '--prefer-offline', '--ignore-scripts', ...specs], {
      cwd: folder,
    })
    assert.equal(peers.code, 0, peers.stderr)
    await writeFile(join(folder, 'peers.ts'), await consumer() + usesOfPeers)
    await typeCheck(folder, 'peers.ts', 'nodenext')
  })
})

/** What is `any` has every property. */
const usesOfPeers = `
import type { Engine, KafkaClient, natsEngine, rabbitmqEngine, redisEngine } from 'plimsoll/engines'
import type { RedisIdempotencyStoreOptions } from 'plimsoll/idempotency'
import type { PgBossJobStoreOptions } from 'plimsoll/jobs'
type ClientOf<Open extends (options: never) => Engine<unknown>> = Awaited<ReturnType<ReturnType<Open>['connect']>>
declare const known: {
  readonly redis: ClientOf<typeof redisEngine>
  readonly store: RedisIdempotencyStoreOptions['redis']
  readonly nats: ClientOf<typeof natsEngine>
  readonly rabbitmq: ClientOf<typeof rabbitmqEngine>
  readonly kafka: KafkaClient['admin']
  readonly boss: NonNullable<PgBossJobStoreOptions['boss']>
}
${
  ['redis', 'store', 'nats', 'rabbitmq', 'kafka', 'boss'].map((name) =>
    `// @ts-expect-error\nexport const of_${name}: unknown = known.${name}.noSuchThing\n`
  ).join('')
}`

async function typeCheck (folder: string, file: string, moduleResolution: string): Promise<void> {
  const compilerOptions = {
    module: moduleResolution === 'bundler' ? 'esnext' : 'nodenext',
    moduleResolution,
    target: 'es2024',
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }))
  const tsc = join(root, 'node_modules/.bin/tsc')
  const checked = await run(tsc, ['-p', '.', '--pretty', 'false'], { cwd: folder })
  // Declarations of other packages are not ours to judge.
  const ours = checked.stdout.split('\n').filter((line) =>
    line.startsWith(file) || line.startsWith('node_modules/plimsoll/')
  )
  assert.deepEqual(ours, [])
  assert.match(checked.stdout, /^$|^node_modules\//, checked.stdout + checked.stderr)
}

async function consumer (): Promise<string> {
  const specifiers = (await exportedSpecifiers()).filter((specifier) => !specifier.endsWith('.json'))
  return [
    ...specifiers.map((specifier, index) => `import * as face${index} from '${specifier}'`),
    `export const faces: readonly object[] = [${specifiers.map((_, index) => `face${index}`).join(', ')}]`,
    `import { defineService } from 'plimsoll'`,
    `export default defineService({`,
    `  name: 'consumer',`,
    `  async routes (app) { app.get('/', async (request) => ({ id: request.id })) },`,
    `})`,
    '',
  ].join('\n')
}

async function oldestNode (t: TestContext): Promise<string | undefined> {
  const node = await oldestNodeBinary()
  if ('path' in node) return node.path
  if (process.env['PLIMSOLL_REQUIRE_ENGINES'] === '1') assert.fail(node.missing)
  t.skip(node.missing)
  return undefined
}

async function peerSpecs (): Promise<readonly string[]> {
  const { peerDependencies } = await ownManifest()
  return Object.keys(peerDependencies).map((name) => `${name}@${peerDependencies[name]}`)
}

async function ownVersionOf (name: string): Promise<string> {
  return (await ownManifest()).devDependencies[name] ?? assert.fail(`${name} is not a dev dependency`)
}

async function ownManifest (): Promise<
  Record<'peerDependencies' | 'devDependencies', Record<string, string>>
> {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
}

interface PackReport {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

/** `prepack` writes before npm's own report; npm 12 reports by package name, older ones as a list. */
function parseReport (stdout: string): PackReport {
  const report: unknown = JSON.parse(stdout.slice(stdout.search(/^[[{]$/m)))
  const [first] = Object.values(report as Record<string, PackReport>)
  assert.ok(first !== undefined)
  return first
}

test('the command loads on a Node.js that is too old, to say so: it names no export that only newer ones have', async () => {
  const source = await readFile(join(root, 'bin/plimsoll.js'), 'utf8')
  const named = [...source.matchAll(/^import \{ ([^}]+) \} from 'node:/gm)].flatMap(([, names = '']) =>
    names.split(', ')
  )
  assert.deepEqual(named.toSorted(), ['existsSync', 'fileURLToPath'])
})
