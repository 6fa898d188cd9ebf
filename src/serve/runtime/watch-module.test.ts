import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { type Clock, systemClock } from '../../kernel/index.ts'
import { isWatched, watchModule } from './watch-module.ts'

test('installed and hidden files are not the service, and neither is what it writes', () => {
  for (
    const path of ['service.ts', join('routes', 'orders.ts'), join('migrations', '0001_a.sql'), 'a.json']
  ) {
    assert.ok(isWatched(path), path)
  }
  const others = [
    join('node_modules', 'a', 'b.js'),
    join('.plimsoll', 'a.ts'),
    '.env.swp',
    'null',
    'out.log',
    'err',
  ]
  for (const path of others) {
    assert.ok(!isWatched(path), path)
  }
})

test('changes that come together are told once, and those of no interest not at all', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'plimsoll-watch-'))
  mkdirSync(join(directory, 'routes'))
  mkdirSync(join(directory, '.git'))
  const told: string[] = []
  const scheduled = Promise.withResolvers<void>()
  let runs: (() => void)[] = []
  // Time stands still: what is scheduled runs when the test says so.
  const clock: Clock = {
    ...systemClock,
    after (_, run) {
      runs.push(run)
      if (runs.length === 1) scheduled.resolve()
      return () => {
        runs = runs.filter((each) => each !== run)
      }
    },
  }
  const stop = watchModule({
    module: pathToFileURL(join(directory, 'service.ts')),
    clock,
    onChange: (path) => told.push(path),
    onError: (error) => assert.fail(String(error)),
  })
  try {
    writeFileSync(join(directory, '.git', 'index'), '1')
    writeFileSync(join(directory, 'routes', 'orders.ts'), '1')
    await scheduled.promise
    assert.equal(runs.length, 1)
    runs[0]?.()
    assert.deepEqual(told, [join('routes', 'orders.ts')])
  } finally {
    stop()
    rmSync(directory, { recursive: true })
  }
})
