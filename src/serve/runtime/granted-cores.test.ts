import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { grantedCores } from './granted-cores.ts'

/** What a machine with these files grants; each path is from the root. */
function granted (files: Readonly<Record<string, string>>, affinity = 64): number {
  const root = mkdtempSync(join(tmpdir(), 'plimsoll-cores-'))
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), `${text}\n`)
    }
    return grantedCores({ root, affinity })
  } finally {
    rmSync(root, { recursive: true })
  }
}

const v2 = 'sys/fs/cgroup'

test('without cgroups the affinity decides', () => {
  assert.equal(granted({}, 6), 6)
})

test('the affinity limits even where the quota grants more', () => {
  assert.equal(granted({ 'proc/self/cgroup': '0::/', [`${v2}/cpu.max`]: '800000 100000' }, 2), 2)
})

test('v2: the quota of the own cgroup counts', () => {
  const files = { 'proc/self/cgroup': '0::/app', [`${v2}/app/cpu.max`]: '400000 100000' }
  assert.equal(granted(files), 4)
})

test('v2: the smallest quota on the way up wins', () => {
  const files = {
    'proc/self/cgroup': '0::/pods/app',
    [`${v2}/pods/cpu.max`]: '300000 100000',
    [`${v2}/pods/app/cpu.max`]: '800000 100000',
  }
  assert.equal(granted(files), 3)
})

test('v2: "max" is no quota', () => {
  assert.equal(granted({ 'proc/self/cgroup': '0::/', [`${v2}/cpu.max`]: 'max 100000' }, 8), 8)
})

test('v2: cpuset.cpus.effective counts ranges and single cores', () => {
  const files = { 'proc/self/cgroup': '0::/app', [`${v2}/app/cpuset.cpus.effective`]: '0-2,8,10-11' }
  assert.equal(granted(files), 6)
})

test('a share of a core is left unused, and less than one core grants one', () => {
  const of = (quota: string) => granted({ 'proc/self/cgroup': '0::/', [`${v2}/cpu.max`]: quota })
  assert.equal(of('250000 100000'), 2)
  assert.equal(of('150000 100000'), 1)
  assert.equal(of('50000 100000'), 1)
})

test('v1: quota over period, and -1 is no quota', () => {
  const of = (quota: string) =>
    granted({
      'proc/self/cgroup': '3:cpu,cpuacct:/docker/app\n2:memory:/x',
      'sys/fs/cgroup/cpu,cpuacct/docker/app/cpu.cfs_quota_us': quota,
      'sys/fs/cgroup/cpu,cpuacct/docker/app/cpu.cfs_period_us': '100000',
    }, 8)
  assert.equal(of('300000'), 3)
  assert.equal(of('-1'), 8)
})

test('v1: a container that sees only its own part reads the limits at the mount', () => {
  const files = {
    'proc/self/cgroup': '3:cpu:/docker/4f2a',
    'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '200000',
    'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
  }
  assert.equal(granted(files), 2)
})

test('v1: the cpuset counts', () => {
  const files = { 'proc/self/cgroup': '4:cpuset:/app', 'sys/fs/cgroup/cpuset/app/cpuset.cpus': '0,2' }
  assert.equal(granted(files), 2)
})

test('what cannot be read limits nothing', () => {
  const files = {
    'proc/self/cgroup': 'nonsense\n0::/',
    [`${v2}/cpu.max`]: '',
    [`${v2}/cpuset.cpus.effective`]: 'all',
  }
  assert.equal(granted(files, 5), 5)
})
