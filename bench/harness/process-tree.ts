import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts CPU time for user space in hundredths of a second (USER_HZ), whatever its own tick. */
const ticksPerSecond = 100

/** Memory of a process tree, in bytes. */
export interface Memory {
  /** Counts a page once for each process that maps it, so shared pages several times. */
  readonly rss: number
  /** Counts a shared page once over all that map it: what the tree really takes. */
  readonly pss: number
}

/** What `/proc/PID/stat` tells of one process. */
export interface ProcessStat {
  readonly parent: number
  /** User and system time of all its threads, in seconds; children count only for themselves. */
  readonly cpuSeconds: number
}

/**
 * Reads one line of `/proc/PID/stat`. The second field is the command in parentheses and may itself hold
 * blanks and parentheses, so the fields are counted from its last one.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
export function parseStat (line: string): ProcessStat {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  return {
    parent: Number(fields[1]),
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
  }
}

/** @param text the content of `/proc/PID/smaps_rollup` */
export function parseMemory (text: string): Memory {
  const bytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
  return { rss: bytes('Rss'), pss: bytes('Pss') }
}

/** Whether this machine tells CPU time and memory of other processes (Linux does). */
export function hasProc (): boolean {
  return readOr('/proc/self/stat') !== undefined
}

/** `root` and all its descendants that are alive now. */
export function processTree (root: number): readonly number[] {
  const children = Map.groupBy(
    readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number),
    (pid) => statOf(pid)?.parent ?? 0
  )
  const tree: number[] = []
  const left = [root]
  for (let pid = left.pop(); pid !== undefined; pid = left.pop()) {
    tree.push(pid)
    left.push(...children.get(pid) ?? [])
  }
  return tree
}

/** CPU time of a tree's living processes, in seconds. */
export function cpuSeconds (root: number): number {
  return processTree(root).reduce((sum, pid) => sum + (statOf(pid)?.cpuSeconds ?? 0), 0)
}

/** Memory of a tree's living processes. */
export function treeMemory (root: number): Memory {
  const all = processTree(root).map((pid) => parseMemory(readOr(`/proc/${pid}/smaps_rollup`) ?? ''))
  return all.reduce((sum, { rss, pss }) => ({ rss: sum.rss + rss, pss: sum.pss + pss }))
}

function statOf (pid: number): ProcessStat | undefined {
  const line = readOr(`/proc/${pid}/stat`)
  return line === undefined ? undefined : parseStat(line)
}

function readOr (path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined // the process has ended since it was listed, or there is no /proc
  }
}
