import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../src/engines/embedded/embedded.fixture.ts'
import { type Finished, runCommand, type Workspace, workspace } from './command.fixture.ts'

const face = fileURLToPath(new URL('../../src/index.ts', import.meta.url))
const service = `import { defineService } from '${face}'
const id = { type: 'object', properties: { id: { type: 'integer', examples: [3] } } }
export default defineService({
  name: 'notes',
  database: { schema: 'notes', migrations: new URL('./migrations/', import.meta.url) },
  routes (app) {
    app.get('/notes/:id', { schema: { params: id } }, async ({ params }) =>
      (await app.data.query('select text from note where id = $1', [params.id])).rows)
    app.get('/owners/:id', { schema: { params: id } }, async ({ params }) =>
      (await app.data.query('select text from note where owner = $1 limit 20', [params.id])).rows)
    app.get('/each', async () => {
      for (let id = 1; id <= 6; id++) await app.data.query('select owner from note where id = $1', [id])
      return 'done'
    })
    app.get('/files/*', async () => 'none')
  },
})`
const migration = `create table note (id int primary key, owner int not null, text text not null);
insert into note select n, n, 'text' from generate_series(1, 10) n;`

let database: TestDatabase
let place: Workspace
before(async () => {
  database = await testDatabase()
  place = await workspace({ 'service.mjs': service, 'migrations/0001_note.sql': migration })
})
after(async () => {
  await place[Symbol.asyncDispose]()
  await database.close()
})

function plans (...args: string[]): Promise<Finished> {
  return runCommand(['plans', 'service.mjs', '--database-url', database.url, ...args], place)
}

test('each GET route is asked, and what its statements need is advised', async () => {
  const { exitCode, stdout, stderr } = await plans('--assume', 'notes.note=1e6', '--prove', '--verbose')
  assert.equal(exitCode, 0, stderr)
  assert.match(stdout, /^200 GET \/notes\/3 {2}1 statement$/m)
  assert.match(stdout, /^skipped GET \/files\/\*/m)
  assert.match(
    stdout,
    /service\.mjs:\d+ {2}select text from note where id = \$1\n +Index Scan on note by note_pkey/
  )
  assert.match(stdout, /^missing-index .*select text from note where owner = \$1 limit \?$/m)
  assert.match(
    stdout,
    /CREATE INDEX CONCURRENTLY ON notes\.note \(owner\) \(tried with a real index, taken back/
  )
  assert.match(stdout, /^n\+1 {2}N\+1: .*service\.mjs:\d+ sent one statement 6 times/m)
})

test('a file keeps what was decided; a changed decision is told in words and fails', async () => {
  const routes = ['--routes', 'GET /owners/3', '--check', 'plans.json']
  assert.equal((await plans(...routes)).exitCode, 1, 'there is no file yet')
  assert.equal((await plans(...routes, '--write')).exitCode, 0)
  assert.match(await readFile(join(place.directory, 'plans.json'), 'utf8'), /"node":"Seq Scan","on":"note"/)
  assert.equal((await plans(...routes)).exitCode, 0)
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query('create index note_owner on notes.note (owner)')
  await client.end()
  const { exitCode, stdout } = await plans(...routes, '--assume', 'notes.note=1e6')
  assert.equal(exitCode, 1)
  assert.match(stdout, /^changed {2}select text from note where owner = \$1 limit \?$/m)
  assert.match(stdout, /^ {2}note: was Seq Scan, is now (?:Index|Bitmap) Scan by note_owner$/m)
})

test('statements of a file are reviewed, not run; for machines as JSON', async () => {
  await place.write('queries.sql', "-- one\nselect * from note where text like '%x';\ndelete from note;")
  const { exitCode, stdout, stderr } = await plans(
    '--statements',
    'queries.sql',
    '--assume',
    'notes.note=1e6',
    '--json'
  )
  assert.equal(exitCode, 0, stderr)
  const report = JSON.parse(stdout)
  assert.deepEqual(report.requests, [])
  assert.deepEqual(report.statements.map(({ statement }: { statement: string }) => statement), [
    'select * from note where text like ?',
    'delete from note',
  ])
  assert.equal(report.findings[0].kind, 'whole-table')
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  assert.equal((await client.query('select count(*)::int as n from notes.note')).rows[0].n, 10)
  await client.end()
})

test('a service without a database has no plans', async () => {
  await place.write('plain.mjs', 'export default async () => {}')
  const { exitCode, stderr } = await runCommand(['plans', 'plain.mjs'], place)
  assert.equal(exitCode, 2)
  assert.match(stderr, /declares no database/)
})
