import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineService, type ServiceDefinition } from './service.ts'

const routes = (): void => {}
const here = new URL('./', import.meta.url)

test('a definition keeps what it was given, and has a version', () => {
  const service = defineService({ name: 'shop', routes, database: { schema: 'shop', migrations: here } })
  assert.equal(service.name, 'shop')
  assert.equal(service.version, '0.0.0')
  assert.equal(service.database?.schema, 'shop')
})

test('a part that breaks its rule is refused, naming part, rule and value', () => {
  const database = { schema: 'shop', migrations: here }
  const cases: [Partial<Record<keyof ServiceDefinition, unknown>>, RegExp][] = [
    [{ name: 'Shop' }, /^service\.name must be lower-case letters, .*, got "Shop"$/],
    [{ name: '' }, /^service\.name /],
    [{ routes: undefined }, /^service\.routes must be a function/],
    [{ database: { ...database, schema: 'my shop; drop' } }, /^service\.database\.schema must be /],
    [
      { database: { ...database, migrations: './migrations' } },
      /^service\.database\.migrations must be a file URL/,
    ],
    [
      { database: { ...database, seed: new URL('http://x/') } },
      /^service\.database\.seed must be a file URL/,
    ],
    [{ compute: './tasks.ts' }, /^service\.compute must be a file URL of a module/],
    [{ warm: true }, /^service\.warm must be a function, got true$/],
  ]
  for (const [part, message] of cases) {
    const definition = { name: 'shop', routes, ...part } as ServiceDefinition
    assert.throws(() => defineService(definition), { code: 'SETTING_INVALID', message })
  }
})
