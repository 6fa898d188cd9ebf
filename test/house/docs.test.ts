import assert from 'node:assert/strict'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { npmScriptsIn, plimsollCommandsIn } from './commands.ts'
import { type CodeBlock, type Page, parsePage } from './markdown.ts'
import { type RunningShop, startShop } from './shop.fixture.ts'
import { readTree, root } from './tree.ts'

/** The exit code of `plimsoll load`. */
const thresholdsNotMet = 3

const pages = await readPages()

test('every relative link in the documentation leads to a file, and every anchor to a heading', () => {
  const broken = [...pages].flatMap(([path, page]) =>
    page.links
      .filter(({ target }) => !/^[a-z][a-z+.-]*:/i.test(target))
      .filter(({ target }) => !leadsSomewhere(path, decodeURI(target)))
      .map(({ target, line }) => `${path}:${line}: ${target}`)
  )
  assert.deepEqual(broken, [])
})

test('every npm script that the documentation names exists', async () => {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const missing = [...pages].flatMap(([path, page]) =>
    npmScriptsIn(page)
      .filter(({ name }) => !Object.hasOwn(scripts, name))
      .map(({ name, line }) => `${path}:${line}: npm run ${name}`)
  )
  assert.deepEqual(missing, [])
})

test('every plimsoll command and flag that the documentation names is in the help of that command', () => {
  const helps = new Map<string, string | undefined>()
  const missing = [...pages].flatMap(([path, page]) =>
    plimsollCommandsIn(page).flatMap(({ name, flags, line }) => {
      if (!helps.has(name)) helps.set(name, helpOf(name))
      const help = helps.get(name)
      if (help === undefined) return [`${path}:${line}: plimsoll ${name}`]
      return flags.filter((flag) => !new RegExp(`${flag}(?![\\w-])`).test(help))
        .map((flag) => `${path}:${line}: plimsoll ${name} ${flag}`)
    })
  )
  assert.deepEqual(missing, [])
})

test('every TypeScript example in the documentation type-checks', async () => {
  // Below the root, so that `plimsoll` names this package; a name that no formatter, linter or git looks at.
  const folder = join(root, '.plimsoll/docs-examples')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../tsconfig.json',
      compilerOptions: {
        declaration: false,
        isolatedDeclarations: false,
        noUnusedLocals: false,
        noUnusedParameters: false,
      },
      include: ['*.ts'],
    })
  )
  const examples = blocksOf('ts').filter(({ block }) => block.marker !== 'fragment')
  await Promise.all(examples.map(({ path, block }) => {
    const name = `${path.replaceAll(/[/.]/g, '-')}-line-${block.line}.ts`
    // Blank lines before it, so that an error's line is the page's own.
    return writeFile(join(folder, name), `${'\n'.repeat(block.line - 1)}${block.text}\nexport {}\n`)
  }))
  if (examples.length === 0) return
  const tsc = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false'], {
    encoding: 'utf8',
  })
  // What is wrong inside src is the type check's own to say.
  assert.deepEqual(tsc.stdout.split('\n').filter((line) => line.includes('docs-examples')), [])
})

test('every command block marked to be run ends with exit code 0', async (t) => {
  let shop: RunningShop | undefined
  t.after(() => shop?.close())
  for (const { path, block } of blocksOf('sh')) {
    if (block.marker !== 'run' && block.marker !== 'run: shop') continue
    if (block.marker === 'run: shop') shop ??= await startShop()
    const text = block.marker === 'run: shop' && shop !== undefined ? shop.readdress(block.text) : block.text
    await t.test(`${path}:${block.line}`, () => {
      const run = (): SpawnSyncReturns<string> =>
        spawnSync('sh', ['-eu', '-c', text], {
          cwd: root,
          encoding: 'utf8',
          timeout: 60_000,
          env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH']}` },
        })
      let ended = run()
      // A load did what it was told, on a machine that was too busy for its thresholds: it is asked for again.
      for (let again = 0; again < 3 && ended.status === thresholdsNotMet; again++) ended = run()
      const { status, signal, stdout, stderr } = ended
      assert.equal(status, 0, `${text}\n${signal ?? ''}\n${stdout}${stderr}`)
    })
  }
})

async function readPages (): Promise<ReadonlyMap<string, Page>> {
  const own = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].filter((name) => existsSync(join(root, name)))
  const texts = new Map(await readTree('docs', '.md'))
  for (const name of own) texts.set(name, await readFile(join(root, name), 'utf8'))
  return new Map([...texts].map(([path, text]) => [path, parsePage(text)]))
}

function blocksOf (language: string): readonly { readonly path: string; readonly block: CodeBlock }[] {
  return [...pages].flatMap(([path, page]) =>
    page.blocks.filter((block) => block.language === language).map((block) => ({ path, block }))
  )
}

function leadsSomewhere (from: string, target: string): boolean {
  const [file = '', anchor] = target.split('#', 2)
  const path = file === '' ? from : join(dirname(from), file)
  if (!existsSync(join(root, path))) return false
  const page = pages.get(path)
  return anchor === undefined || page === undefined || page.anchors.has(anchor)
}

/** @returns `undefined` when there is no such command */
function helpOf (command: string): string | undefined {
  const parameters = ['bin/plimsoll.js', ...(command === '' ? [] : [command]), '--help']
  const { status, stdout } = spawnSync(process.execPath, parameters, {
    cwd: root,
    encoding: 'utf8',
    timeout: 30_000,
  })
  return status === 0 ? stdout : undefined
}
