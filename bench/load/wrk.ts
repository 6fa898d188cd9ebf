import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findTool, versionOf } from '../harness/index.ts'
import type { Generator, LoadOptions, LoadResult } from './closed-loop.ts'

const script = fileURLToPath(new URL('wrk-ring.lua', import.meta.url))

/** @returns wrk, or `undefined` where it is not installed */
export function wrkGenerator (): Generator | undefined {
  const wrk = findTool('wrk')
  if (wrk === undefined) return undefined
  return { text: versionOf(wrk, '-v')?.split(' [')[0] ?? 'wrk', run: (options) => runWrk(wrk, options) }
}

async function runWrk (wrk: string, options: LoadOptions): Promise<LoadResult> {
  const { host, port, path, connections, seconds, prefix = [], ids = 1, headers = {} } = options
  const [program = '', ...args] = [
    ...prefix,
    wrk,
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '-s',
    script,
    `http://${host}:${port}${path}`,
    '--',
    String(port),
    String(ids),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  const { stdout } = await promisify(execFile)(program, args)
  return parseWrk(stdout)
}

/** Reads the line that `wrk-ring.lua` adds to wrk's own output. */
export function parseWrk (output: string): LoadResult {
  const line = output.split('\n').find((text) => text.startsWith('{"requests":'))
  if (line === undefined) throw new Error(`wrk printed no summary:\n${output}`)
  const summary = JSON.parse(line) as Omit<LoadResult, 'requestsPerSecond'>
  return { ...summary, requestsPerSecond: summary.requests / summary.seconds }
}
