import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import type { MigrationFailedError } from './errors.ts'
import {
  migrate,
  type MigrateOptions,
  type MigrateProgress,
  type MigrateResult,
  readPending,
} from './migrate.ts'

let database: TestDatabase
let pool: pg.Pool
let schemas = 0

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url })
})
after(async () => {
  await pool?.end()
  await database?.close()
})

interface Sandbox extends AsyncDisposable {
  readonly schema: string
  readonly directory: URL
  write(name: string, text: string): Promise<URL>
  remove(name: string): Promise<void>
  run(more?: Partial<MigrateOptions>): Promise<MigrateResult>
}

/** A schema and a directory of its own. */
async function sandbox (files: Record<string, string> = {}): Promise<Sandbox> {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-migrate-'))
  const schema = `s${schemas++}`
  const directory = pathToFileURL(folder)
  async function write (name: string, text: string): Promise<URL> {
    const file = join(folder, name)
    await writeFile(file, text)
    return pathToFileURL(file)
  }
  for (const [name, text] of Object.entries(files)) await write(name, text)
  return {
    schema,
    directory,
    write,
    remove: (name) => rm(join(folder, name)),
    run: (more) => migrate({ pool, schema, directory, ...more }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

const first = { '0001_items.sql': 'CREATE TABLE item (id int PRIMARY KEY);\nINSERT INTO item VALUES (1);\n' }

test('files are applied in order of their numbers into a schema that is made, and only once', async () => {
  await using box = await sandbox({
    ...first,
    '0002_more.sql': 'INSERT INTO item VALUES (2)',
    'README.md': '',
  })
  const progress: MigrateProgress[] = []
  const applied = ['0001_items.sql', '0002_more.sql']
  assert.deepEqual(await box.run({ onProgress: (step) => progress.push(step) }), { applied, seeded: false })
  assert.deepEqual(progress, [
    { done: 0, total: 2, name: '0001_items.sql' },
    { done: 1, total: 2, name: '0002_more.sql' },
    { done: 2, total: 2, name: '0002_more.sql' },
  ])
  assert.deepEqual(await box.run(), { applied: [], seeded: false })
  const { rows } = await pool.query(`SELECT count(*)::int AS count FROM ${box.schema}.item`)
  assert.deepEqual(rows, [{ count: 2 }])
})

test('line endings do not count as an edit', async () => {
  await using box = await sandbox(first)
  await box.run()
  await box.write('0001_items.sql', first['0001_items.sql'].replaceAll('\n', '\r\n'))
  assert.deepEqual(await box.run(), { applied: [], seeded: false })
})

test('an edited file is refused with both checksums, and nothing is applied', async () => {
  await using box = await sandbox(first)
  await box.run()
  await box.write('0001_items.sql', 'CREATE TABLE other ()')
  await box.write('0002_more.sql', 'CREATE TABLE more ()')
  await assert.rejects(box.run(), (error: { recorded: string; found: string; message: string }) => {
    assert.match(error.message, /0001_items\.sql was edited.*put the change into a new migration/)
    assert.match(error.recorded, /^[0-9a-f]{64}$/)
    assert.notEqual(error.recorded, error.found)
    return true
  })
  const { rows } = await pool.query('SELECT to_regclass($1) AS made', [`${box.schema}.more`])
  assert.deepEqual(rows, [{ made: null }])
})

test('a file that is gone is refused', async () => {
  await using box = await sandbox(first)
  await box.run()
  await box.remove('0001_items.sql')
  await assert.rejects(box.run(), { code: 'MIGRATION_MISSING', file: '0001_items.sql' })
})

test('a new file below an applied one is refused, and so are two with one number', async () => {
  await using box = await sandbox({ '0002_b.sql': 'SELECT 1' })
  await box.run()
  await box.write('0001_a.sql', 'SELECT 1')
  await assert.rejects(box.run(), { code: 'MIGRATION_ORDER', file: '0001_a.sql', other: '0002_b.sql' })
  await box.write('0002_c.sql', 'SELECT 1')
  await assert.rejects(box.run(), { code: 'MIGRATION_ORDER', file: '0002_c.sql', other: '0002_b.sql' })
})

test('a wrong name, a missing directory and a file that commits are refused at once', async () => {
  await using box = await sandbox({ 'first.sql': 'SELECT 1' })
  await assert.rejects(box.run(), { code: 'MIGRATION_FILE', file: 'first.sql' })
  await assert.rejects(box.run({ directory: new URL('./missing', box.directory) }), {
    code: 'MIGRATION_FILE',
  })
  await box.remove('first.sql')
  await box.write('0001_a.sql', 'CREATE TABLE a ();\nCOMMIT;')
  await assert.rejects(box.run(), { code: 'MIGRATION_FILE', file: '0001_a.sql' })
})

test('a failure names file, line and column, and keeps nothing of the file', async () => {
  await using box = await sandbox(first)
  await box.write('0002_bad.sql', '-- ü 😀\nCREATE TABLE kept ();\n\nSELECT 1,\n  nonsense FROM item;\n')
  await assert.rejects(box.run(), (error: MigrationFailedError) => {
    assert.deepEqual([error.file, error.line, error.column], ['0002_bad.sql', 5, 3])
    assert.equal(error.sqlState, '42703')
    assert.equal(error.databaseMessage, 'column "nonsense" does not exist')
    assert.match(error.message, /0002_bad\.sql failed at line 5, column 3: column "nonsense" does not exist/)
    return true
  })
  await box.write('0002_bad.sql', 'CREATE TABLE kept ()')
  assert.deepEqual(await box.run(), { applied: ['0002_bad.sql'], seeded: false })
})

test('a failure that PostgreSQL does not place names the line of its statement', async () => {
  await using box = await sandbox({
    '0001_a.sql': 'CREATE TABLE a (id int PRIMARY KEY);\n\n  INSERT INTO a VALUES (1), (1);',
  })
  await assert.rejects(box.run(), { code: 'MIGRATION_FAILED', line: 3, column: 3, sqlState: '23505' })
})

test('a file without a transaction may drop and build an index concurrently', async () => {
  await using box = await sandbox({
    ...first,
    '0002_index.sql': '-- plimsoll: no transaction\nDROP INDEX CONCURRENTLY IF EXISTS item_id;\n' +
      'CREATE INDEX CONCURRENTLY item_id ON item (id);\n',
  })
  assert.deepEqual((await box.run()).applied, ['0001_items.sql', '0002_index.sql'])
  await using plain = await sandbox({
    ...first,
    '0002_index.sql': 'CREATE INDEX CONCURRENTLY item_id ON item (id)',
  })
  await assert.rejects(plain.run(), { code: 'MIGRATION_FAILED', sqlState: '25001' })
})

test('the seed runs once, after the migrations, even when it is edited later', async () => {
  await using box = await sandbox(first)
  const seed = await box.write('seed.sql', 'INSERT INTO item SELECT generate_series(2, 100)')
  assert.deepEqual(await box.run({ seed }), { applied: ['0001_items.sql'], seeded: true })
  await box.write('seed.sql', 'INSERT INTO item VALUES (101)')
  assert.deepEqual(await box.run({ seed }), { applied: [], seeded: false })
})

test('a file starts with the settings that every file starts with, and leaves none in the pool', async () => {
  await using box = await sandbox({ '0001_a.sql': `SET search_path = pg_catalog; SET work_mem = '1MB'` })
  await box.write('0002_b.sql', 'CREATE TABLE b ()')
  const small = new pg.Pool({ connectionString: database.url, max: 1 })
  try {
    await box.run({ pool: small })
    const { rows } = await small.query(
      `SELECT to_regclass($1) IS NOT NULL AS made, current_setting('work_mem') AS mem`,
      [
        `${box.schema}.b`,
      ]
    )
    assert.deepEqual(rows, [{ made: true, mem: '4MB' }])
  } finally {
    await small.end()
  }
})

test('a schema name is taken literally, and one that PostgreSQL reserves is refused', async () => {
  await using box = await sandbox(first)
  const schema = 'My "odd"; schema'
  await box.run({ schema })
  const { rows } = await pool.query(
    'SELECT 1 AS found FROM pg_tables WHERE schemaname = $1 AND tablename = $2',
    [
      schema,
      'item',
    ]
  )
  assert.deepEqual(rows, [{ found: 1 }])
  await assert.rejects(box.run({ schema: 'pg_mine' }), {
    code: 'SETTING_INVALID',
    setting: 'database.schema',
  })
  await assert.rejects(box.run({ schema: '' }), { code: 'SETTING_INVALID' })
})

test('what is pending can be read without changing anything, and an edited file is told there too', async () => {
  await using box = await sandbox({
    '0001_a.sql': 'create table a (id int)',
    '0002_b.sql': 'create table b (id int)',
  })
  const seed = await box.write('seed.sql', 'insert into a values (1)')
  const { schema, directory } = box
  const pending = (): Promise<readonly string[]> => readPending({ pool, schema, directory, seed })
  assert.deepEqual(await pending(), ['0001_a.sql', '0002_b.sql'])
  const { rows } = await pool.query('select 1 from pg_namespace where nspname = $1', [schema])
  assert.deepEqual(rows, [])
  await box.run({ seed })
  assert.deepEqual(await pending(), [])
  await box.write('0001_a.sql', 'create table a (id bigint)')
  await assert.rejects(pending(), { code: 'MIGRATION_EDITED' })
})
