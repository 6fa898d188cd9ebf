import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { findTool, ToolMissingError } from '../harness/index.ts'

/**
 * Raises this process's limit of open files, which the servers it starts inherit.
 *
 * @param needed open files that one process has to hold
 * @throws ToolMissingError when the limit is lower and cannot be raised
 */
export function raiseDescriptors (needed: number): void {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const { soft, hard } = parseLimits(limits)
  if (soft >= needed) return
  const prlimit = findTool('prlimit')
  // Beyond the hard limit only a privileged user gets; asking costs nothing.
  const limit = `--nofile=${needed}:${Math.max(needed, hard)}`
  const raised = prlimit !== undefined &&
    spawnSync(prlimit, ['--pid', String(process.pid), limit]).status === 0
  if (raised) return
  throw new ToolMissingError(
    `${needed} open files a process`,
    `The limit is ${soft}. Raise it with \`ulimit -n ${needed}\` (util-linux's prlimit would do it here).`
  )
}

/** @param limits the content of `/proc/self/limits` */
export function parseLimits (limits: string): { soft: number; hard: number } {
  const [, soft, hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? []
  const count = (text = '0'): number => (text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text))
  return { soft: count(soft), hard: count(hard) }
}
