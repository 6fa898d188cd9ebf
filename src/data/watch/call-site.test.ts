import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type CallSite, callSiteIn, captureCallSite, placeOf } from './call-site.ts'

const here = import.meta.filename
const isPackage = (path: string): boolean => path.includes('/node_modules/')

test('the site is the first frame of the user, with those that called it', () => {
  const site = callSiteIn(
    [
      'Error: x',
      '    at Session.query (file:///app/node_modules/plimsoll/dist/data/pool/session.js:63:9)',
      '    at async SelectQueryBuilderImpl.execute (file:///app/node_modules/kysely/dist/x.js:318:24)',
      '    at node:internal/process/task_queues:105:5',
      '    at async Promise.all (index 3)',
      `    at async Object.load [as loader] (file://${join(process.cwd(), 'src/or%20ders.ts')}:12:34)`,
      '    at async /elsewhere/app.js:5:6',
      '    at handler (/elsewhere/a.js:1:2)',
      '    at handler (/elsewhere/b.js:3:4)',
      '    at handler (/elsewhere/c.js:5:6)',
    ].join('\n'),
    isPackage
  )
  assert.deepEqual(site, {
    file: 'src/or ders.ts',
    line: 12,
    column: 34,
    function: 'Object.load [as loader]',
    callers: ['/elsewhere/app.js:5', '/elsewhere/a.js:1', '/elsewhere/b.js:3'],
  })
})

test('a stack without a frame of the user has no site', () => {
  const stack =
    'Error\n    at f (/app/node_modules/x/y.js:1:2)\n    at new Promise (<anonymous>)\n    at native'
  assert.equal(callSiteIn(stack, isPackage), undefined)
  assert.equal(placeOf(undefined), 'an unknown place')
})

test('it is found below a stack that is deeper than the limit of the process, which stays as it was', () => {
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = 1
  try {
    const deep = (depth: number): CallSite | undefined =>
      depth === 0 ? captureCallSite((path) => path !== here) : deep(depth - 1)
    assert.match(deep(20)?.file ?? '', /call-site\.test\.ts$/)
    assert.equal(Error.stackTraceLimit, 1)
  } finally {
    Error.stackTraceLimit = before
  }
})

test('it is found across awaits', async () => {
  async function library (): Promise<CallSite | undefined> {
    await undefined
    return captureCallSite()
  }
  const site = await library()
  assert.equal(placeOf(site).split(':')[0], 'src/data/watch/call-site.test.ts')
})
