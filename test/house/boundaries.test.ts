import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { violations } from './boundaries.ts'
import { importsOf } from './imports.ts'
import { ambientAllowed } from './order.ts'
import { readTree, root } from './tree.ts'

const sources = await readTree('src', '.ts')
const shipped = [...sources].filter(([path]) => !/\.(test|fixture|contract)\.ts$/.test(path))

test('every import goes down, through a face, and in no circle; every folder keeps the layout', () => {
  assert.deepEqual(violations(sources), [])
})

test('every exception that is allowed still exists', () => {
  assert.deepEqual(Object.keys(ambientAllowed).filter((path) => !sources.has(path)), [])
})

test('the package imports only what it declares as a dependency or a peer, and the kernel nothing', async () => {
  const { dependencies, peerDependencies = {} } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8')
  )
  const declared = new Set(Object.keys({ ...dependencies, ...peerDependencies }))
  const wrong = shipped.flatMap(([path, source]) =>
    packagesOf(source)
      .filter((name) => !declared.has(name) || path.startsWith('src/kernel/'))
      .map((name) => `${path}: ${name}`)
  )
  assert.deepEqual(wrong, [])
})

test('the examples import Plimsoll by its name, as its users do', async () => {
  const wrong = [...await readTree('examples', '.ts')].flatMap(([path, source]) =>
    importsOf(source)
      .filter(({ specifier }) => /^\.\.\/(?:.*\/)?(?:src|dist|test)\//.test(specifier))
      .map(({ specifier, line }) => `${path}:${line}: ${specifier}`)
  )
  assert.deepEqual(wrong, [])
})

function packagesOf (source: string): readonly string[] {
  return importsOf(source)
    .map(({ specifier }) => specifier)
    .filter((specifier) => !/^(\.|node:)/.test(specifier))
    .map((specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'))
}
