import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** What a program printed, and the CPU time of it and of all it started. */
export interface TimedRun {
  readonly stdout: string
  readonly cpuSeconds: number
}

/** Runs a program to its end under a shell that says what its children have used. */
export async function timedRun (command: readonly string[]): Promise<TimedRun> {
  const script = '"$@"; code=$?; echo; times; exit $code'
  const options = { maxBuffer: 64 * 2 ** 20 }
  const { stdout } = await promisify(execFile)('sh', ['-c', script, 'sh', ...command], options)
  return splitTimes(stdout)
}

/** POSIX `times`: two lines, the shell's own and its children's, each user and system: `0m1.234s 0m0.5s`. */
export function splitTimes (output: string): TimedRun {
  const lines = output.trimEnd().split('\n')
  const parts = [...(lines.at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)]
  if (parts.length !== 2) throw new Error(`no times of the children:\n${output.slice(-500)}`)
  return {
    stdout: lines.slice(0, -2).join('\n'),
    cpuSeconds: parts.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0),
  }
}
