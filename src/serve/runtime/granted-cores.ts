import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'

export interface GrantedCoresOptions {
  /** Where `/proc` and `/sys` are found, for tests. @default '/' */
  readonly root?: string
  /** Cores that the process may be scheduled on. @default `os.availableParallelism()` */
  readonly affinity?: number
}

/**
 * How many workers the machine lets run at the same time: the least of the CPU affinity, the cpuset, and
 * the CPU quota of the process's own cgroup and of every one above it (v1 and v2).
 *
 * A quota of 2.5 cores grants 2: a third worker would be throttled half of each period, together with
 * the other two, and throttling shows in the tail. The least is 1, also below one core.
 *
 * Where a file is missing or says nothing that can be read, it grants everything.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
 */
export function grantedCores (
  { root = '/', affinity = availableParallelism() }: GrantedCoresOptions = {}
): number {
  const limits = [affinity]
  for (const { controllers, path } of memberships(root)) {
    const unified = controllers.length === 0
    if (unified) limits.push(...unifiedLimits(root, path))
    if (controllers.includes('cpu')) limits.push(...legacyQuotas(root, path))
    if (controllers.includes('cpuset')) limits.push(...legacyCpusets(root, path))
  }
  return Math.max(1, Math.floor(Math.min(...limits)))
}

interface Membership {
  /** None for the unified hierarchy (v2). */
  readonly controllers: readonly string[]
  readonly path: string
}

/** `/proc/self/cgroup`: a line `ID:CONTROLLERS:PATH` for each hierarchy. */
function memberships (root: string): Membership[] {
  const text = read(join(root, 'proc/self/cgroup'))
  return text.split('\n').flatMap((line): Membership[] => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) return []
    return [{ controllers: controllers === '' ? [] : controllers.split(','), path }]
  })
}

function unifiedLimits (root: string, path: string): number[] {
  // Beside v1 controllers (the hybrid layout) v2 is mounted at `unified`.
  const mounts = ['sys/fs/cgroup', 'sys/fs/cgroup/unified'].map((mount) => join(root, mount))
  return mounts.flatMap((mount) =>
    upwards(mount, path).flatMap((directory) => [
      quotaOf(...pairOf(read(join(directory, 'cpu.max')))),
      cpusIn(read(join(directory, 'cpuset.cpus.effective'))),
    ])
  )
}

function legacyQuotas (root: string, path: string): number[] {
  return ['cpu', 'cpu,cpuacct'].flatMap((mount) =>
    upwards(join(root, 'sys/fs/cgroup', mount), path).map((directory) =>
      quotaOf(read(join(directory, 'cpu.cfs_quota_us')), read(join(directory, 'cpu.cfs_period_us')))
    )
  )
}

function legacyCpusets (root: string, path: string): number[] {
  return upwards(join(root, 'sys/fs/cgroup/cpuset'), path).flatMap((directory) => [
    cpusIn(read(join(directory, 'cpuset.effective_cpus'))),
    cpusIn(read(join(directory, 'cpuset.cpus'))),
  ])
}

/**
 * The cgroup's own directory and all above it, up to the mount. Inside a container the path may be the
 * host's while the mount shows only the container's part; then the directories of the path are missing,
 * and the mount itself has the limits.
 */
function upwards (mount: string, path: string): string[] {
  const directories = [mount]
  for (let at = path; at !== '/'; at = dirname(at)) directories.push(join(mount, at))
  return directories
}

/** `max 100000` means no quota in v2, `-1` in v1. */
function quotaOf (quota: string, period: string): number {
  const cores = Number.parseInt(quota, 10) / Number.parseInt(period, 10)
  return cores > 0 ? cores : Number.POSITIVE_INFINITY
}

function pairOf (text: string): [first: string, second: string] {
  const [first = '', second = ''] = text.split(' ')
  return [first, second]
}

/** Counts a list such as `0-3,8,10-11`; an empty one, or one that cannot be read, limits nothing. */
function cpusIn (list: string): number {
  let count = 0
  for (const range of list.split(',')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? []
    if (first === undefined || last === undefined) return Number.POSITIVE_INFINITY
    count += Number(last) - Number(first) + 1
  }
  return count > 0 ? count : Number.POSITIVE_INFINITY
}

function read (path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}
