import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { testDatabase } from '../../src/engines/embedded/embedded.fixture.ts'
import { testRedis } from '../../src/engines/redis/redis.fixture.ts'
import { testEnvironment } from '../../src/serve/service/environment.fixture.ts'
import { buildApp, loadService } from '../../src/serve/service/index.ts'
import { requireEngine } from '../engines.fixture.ts'
import { type CodeBlock, parsePage } from '../house/markdown.ts'
import { readTree, root } from '../house/tree.ts'

const readme = await readFile(join(root, 'README.md'), 'utf8')
const pages = [['README.md', readme] as const, ...await readTree('docs', '.md')]
  .map(([path, text]) => ({ path, blocks: parsePage(text).blocks.filter(isWhole) }))
  .filter(({ blocks }) => blocks.some(isService))

/** What the examples read from the environment of their process. */
const secrets = {
  ACME_PUBLIC_KEY: generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }) as string,
  BILLING_SECRET: 'a secret that two services have alone',
}
let folder: string

before(async () => {
  Object.assign(process.env, secrets)
  // Below the root, so that `plimsoll` names this package; no formatter, linter or git looks there.
  await mkdir(join(root, '.plimsoll'), { recursive: true })
  folder = await mkdtemp(join(root, '.plimsoll/docs-services-'))
})

after(async () => {
  for (const name of Object.keys(secrets)) delete process.env[name]
  await rm(folder, { recursive: true, force: true })
})

for (const { path, blocks } of pages) {
  for (const service of blocks.filter(isService)) {
    test(`the service in ${path}:${service.line} starts`, async (t) => {
      const usesRedis = service.text.includes('redis: true')
      if (usesRedis && requireEngine(t, 'redis-server', 'apt-get install redis-server') === undefined) return
      const file = await writeExample(service, blocks)
      await using database = service.text.includes('database: {') ? await testDatabase() : undefined
      await using redis = usesRedis ? await testRedis('secret') : undefined
      await using environment = await testEnvironment({
        PLIMSOLL_STATE_DIRECTORY: dirname(file),
        PLIMSOLL_OPENAPI_PAGE: 'true',
        ...(database === undefined ? {} : { DATABASE_URL: database.url }),
        ...(redis === undefined ? {} : { REDIS_URL: `redis://:secret@127.0.0.1:${redis.port}` }),
      })
      const app = await buildApp(await loadService(pathToFileURL(file)), environment)
      assert.equal((await app.inject('/openapi.json')).statusCode, 200)
    })
  }
}

/** Puts a service and what its page shows beside it into a folder of their own. @returns the service's file */
async function writeExample (service: CodeBlock, blocks: readonly CodeBlock[]): Promise<string> {
  const own = await mkdtemp(join(folder, 'service-'))
  await mkdir(join(own, 'migrations'))
  for (const block of blocks.toReversed()) await writeFile(join(own, nameOf(block)), block.text)
  const file = join(own, 'the-service.ts')
  await writeFile(file, service.text)
  return file
}

function isWhole ({ language, marker }: CodeBlock): boolean {
  return language === 'ts' && marker !== 'fragment'
}

function isService ({ text }: CodeBlock): boolean {
  return /^export default (?:defineService\(|async function app)/m.test(text)
}

/** A block says in its first line which file it is. */
function nameOf ({ text, line }: CodeBlock): string {
  return /^\/\/ ([\w-]+\.ts)\b/.exec(text)?.[1] ?? `line-${line}.ts`
}
