import { readFileSync } from 'node:fs'
import { InterruptedError } from './errors.ts'
import { run } from './run.ts'
import type { Interrupts } from './surroundings.ts'

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  directory: process.cwd(),
  version: packageVersion(),
  watchInterrupts,
})

function packageVersion (): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function watchInterrupts (): Interrupts {
  const controller = new AbortController()
  const abort = (): void => controller.abort(new InterruptedError())
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.once(signal, abort)
  return {
    signal: controller.signal,
    [Symbol.dispose] () {
      for (const signal of signals) process.removeListener(signal, abort)
    },
  }
}
