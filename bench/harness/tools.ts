import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'

/** Something that the benchmark needs is not on this machine. */
export class ToolMissingError extends Error {
  override readonly name = 'ToolMissingError'
  readonly code = 'BENCH_TOOL_MISSING'
  readonly tool: string

  /** @param hint how to get it, or how to do without */
  constructor (tool: string, hint: string) {
    super(`this benchmark needs ${tool}, which is not here. ${hint}`)
    this.tool = tool
  }
}

/** @returns the full path of a program on PATH, or `undefined` */
export function findTool (name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    if (folder === '') continue
    const file = path.join(folder, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // not in this folder: look in the next
    }
  }
  return undefined
}

/** What runs where: the server has a core to itself, and the generator takes none of it. */
export interface Pinning {
  readonly server: readonly string[]
  readonly generator: readonly string[]
  /** For what is measured with the whole machine: takes back what the harness has given up for itself. */
  readonly all: readonly string[]
  /** For the report. */
  readonly text: string
}

/** Of the machine, as it was before the harness gave up the server's core for itself. */
export const cores: number = availableParallelism()

/** @returns prefixes for command lines; empty where there is no taskset or only one core */
export function pinning (): Pinning {
  const taskset = findTool('taskset')
  if (taskset === undefined || cores < 2) {
    return { server: [], generator: [], all: [], text: 'not pinned (taskset and 2 cores are needed)' }
  }
  return {
    server: [taskset, '-c', '0'],
    generator: [taskset, '-c', '1'],
    all: [taskset, '-c', `0-${cores - 1}`],
    text: 'server on core 0, generator on core 1',
  }
}

/** The first line of what a program says of itself, or `undefined` when it cannot run. */
export function versionOf (tool: string, flag = '--version'): string | undefined {
  const { stdout, stderr, error } = spawnSync(tool, [flag], { encoding: 'utf8' })
  if (error !== undefined) return undefined
  return `${stdout}${stderr}`.trim().split('\n')[0]
}
