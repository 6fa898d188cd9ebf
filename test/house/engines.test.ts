import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { requireEngine } from '../engines.fixture.ts'

test('an engine that is there is given by its path', (t) => {
  assert.match(requireEngine(t, 'sh', 'a POSIX system') ?? '', /\/sh$/)
})

test('a missing engine skips the test and says how to get it', (t) => {
  withRequireEngines(t, undefined)
  const { context, skips } = recordingContext()
  assert.equal(requireEngine(context, 'no-such-engine', 'apt-get install no-such-engine'), undefined)
  assert.deepEqual(skips, ['no-such-engine is not installed (apt-get install no-such-engine)'])
})

test('a missing engine fails the test where engines are required', (t) => {
  withRequireEngines(t, '1')
  const { context, skips } = recordingContext()
  assert.throws(() => requireEngine(context, 'no-such-engine', 'apt-get install it'), /apt-get install it/)
  assert.deepEqual(skips, [])
})

function recordingContext (): { context: TestContext; skips: (string | undefined)[] } {
  const skips: (string | undefined)[] = []
  return { context: { skip: (reason?: string) => skips.push(reason) } as unknown as TestContext, skips }
}

function withRequireEngines (t: TestContext, value: string | undefined): void {
  const before = process.env['PLIMSOLL_REQUIRE_ENGINES']
  set(value)
  t.after(() => set(before))

  function set (to: string | undefined): void {
    if (to === undefined) delete process.env['PLIMSOLL_REQUIRE_ENGINES']
    else process.env['PLIMSOLL_REQUIRE_ENGINES'] = to
  }
}
