import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { hasProc, parseMemory, parseStat, processTree, treeMemory } from './process-tree.ts'

const linuxOnly = hasProc() ? false : 'needs /proc: run it on Linux'

test('a command with blanks and parentheses does not shift the fields of stat', () => {
  const line = '42 (a (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 9 9 20 0 1 0 5 6 7'
  assert.deepEqual(parseStat(line), { parent: 7, cpuSeconds: 2 })
})

test('memory is read in bytes, and Pss is not taken for Pss_Anon', () => {
  const text = '00400000-7ff ---p 0 00:00 0 [rollup]\nRss:    2048 kB\nPss_Anon: 5 kB\nPss:    1024 kB\n'
  assert.deepEqual(parseMemory(text), { rss: 2 * 1024 * 1024, pss: 1024 * 1024 })
})

test('a child belongs to the tree of its parent', { skip: linuxOnly }, async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'])
  try {
    await once(child, 'spawn')
    assert.ok(processTree(process.pid).includes(child.pid ?? 0))
    assert.ok(treeMemory(process.pid).rss > treeMemory(child.pid ?? 0).rss)
  } finally {
    child.kill('SIGKILL')
  }
})
