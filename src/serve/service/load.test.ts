import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { loadService } from './load.ts'

let directory = ''
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'plimsoll-load-'))
})
after(() => rm(directory, { recursive: true }))

async function moduleOf (name: string, text: string): Promise<URL> {
  const path = join(directory, name)
  await writeFile(path, text)
  return pathToFileURL(path)
}

test('what defineService returned is the service', async () => {
  const mark = 'Symbol.for("plimsoll.service")'
  const url = await moduleOf(
    'defined.mjs',
    `export default { name: 'shop', version: '1.0.0', [${mark}]: true }`
  )
  assert.equal((await loadService(url)).name, 'shop')
})

test('a plain Fastify plugin is a service under the name of its file', async () => {
  const service = await loadService(await moduleOf('My Orders.mjs', 'export default async function (app) {}'))
  assert.equal(service.name, 'my-orders')
  assert.equal(typeof service.plugin, 'function')
})

test('a missing module is told apart from a module that misses an import of its own', async () => {
  const missing = pathToFileURL(join(directory, 'nowhere.mjs'))
  await assert.rejects(loadService(missing), {
    code: 'SERVICE_NOT_FOUND',
    message: /there is no module .*nowhere\.mjs$/,
  })
  const broken = await moduleOf('imports.mjs', 'import "./not-there.mjs"')
  await assert.rejects(loadService(broken), { code: 'SERVICE_THREW', message: /not-there\.mjs/ })
})

test('a module that throws is reported with its message and the place', async () => {
  const url = await moduleOf('throws.mjs', '\nthrow new Error("no license key")')
  await assert.rejects(loadService(url), {
    code: 'SERVICE_THREW',
    message: /throws\.mjs threw while loading: no license key \(at .*throws\.mjs:2:7\)$/,
  })
})

test('what a package throws is reported with the line of the service that called it', async () => {
  await mkdir(join(directory, 'node_modules/parts'), { recursive: true })
  await writeFile(
    join(directory, 'node_modules/parts/index.mjs'),
    'export function part () { throw new Error("no") }'
  )
  const url = await moduleOf('calls.mjs', 'import { part } from "./node_modules/parts/index.mjs"\npart()')
  await assert.rejects(loadService(url), { message: /loading: no \(at .*calls\.mjs:2:1\)$/ })
})

test('a module that its package declares to be CommonJS says how to make it a module', async () => {
  await writeFile(join(directory, 'package.json'), '{ "type": "commonjs" }')
  const url = await moduleOf('declared.js', 'import "node:fs"\nexport default async function () {}')
  await assert.rejects(loadService(url), {
    code: 'SERVICE_THREW',
    message: /Cannot use import statement outside a module.*npm pkg set type=module/,
  })
})

test('a module without a service says what it exports and what it should', async () => {
  const nothing = await moduleOf('nothing.mjs', 'export const service = 1')
  await assert.rejects(loadService(nothing), { code: 'SERVICE_INVALID', message: /it exports no default$/ })
  const number = await moduleOf('number.mjs', 'export default 1')
  await assert.rejects(loadService(number), {
    code: 'SERVICE_INVALID',
    message: /defineService.*it exports number$/,
  })
})
