import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { cores, findTool, pinning } from './tools.ts'

test("server and generator keep a core each, also once the harness has left the server's", (t) => {
  const taskset = findTool('taskset')
  if (taskset === undefined || cores < 2) return t.skip('taskset or a second core is missing')
  const { stdout } = spawnSync(taskset, ['-cp', String(process.pid)], { encoding: 'utf8' })
  const before = stdout.trim().split(' ').at(-1) ?? ''
  spawnSync(taskset, ['-a', '-cp', '1', String(process.pid)])
  try {
    const { server, generator, all } = pinning()
    assert.deepEqual([server.at(-1), generator.at(-1)], ['0', '1'])
    const [command = '', ...args] = [...all, 'nproc']
    assert.equal(spawnSync(command, args, { encoding: 'utf8' }).stdout.trim(), String(cores))
  } finally {
    spawnSync(taskset, ['-a', '-cp', before, String(process.pid)])
  }
})
