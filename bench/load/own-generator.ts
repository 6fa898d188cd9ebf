import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Generator, LoadOptions, LoadResult } from './closed-loop.ts'

const program = fileURLToPath(new URL('own-generator-main.ts', import.meta.url))

/** The stand-in for wrk: a process of its own that keeps some connections busy. */
export function ownGenerator (): Generator {
  return {
    text: 'own generator (node:net); install wrk for the real figures',
    async run ({ prefix = [], ...options }: LoadOptions): Promise<LoadResult> {
      const [command = '', ...args] = [...prefix, process.execPath, program, JSON.stringify(options)]
      const { stdout } = await promisify(execFile)(command, args)
      return JSON.parse(stdout) as LoadResult
    },
  }
}
