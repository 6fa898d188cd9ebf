// `npm test`: the format, the lint, the types, then every test file in one run of node:test, so that its
// closing lines count all of them. `npm test -- PATH ...` runs the tests of those files and folders only.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const everything = ['src', 'test', 'examples', 'bench', 'scripts']
const chosen = process.argv.slice(2)

const checks: readonly (readonly [name: string, command: string, ...rest: string[]])[] = [
  ['format', 'dprint', 'check', '--list-different'],
  ['lint', 'oxlint', '--quiet'],
  ['types', 'tsc', '-p', '.'],
  // What is shipped must also declare its types file by file, which only this configuration reports.
  ['declarations', 'tsc', '-p', 'tsconfig.build.json', '--noEmit'],
]

const failed = chosen.length > 0 ? [] : checks.filter((check) => !passes(...check)).map(([name]) => name)
if (!passes('tests', process.execPath, ...testArguments(chosen.length > 0 ? chosen : everything))) {
  failed.push('tests')
}
if (failed.length > 0) process.stdout.write(`\nfailed: ${failed.join(', ')}\n`)
process.exitCode = failed.length > 0 ? 1 : 0

function passes (name: string, command: string, ...rest: readonly string[]): boolean {
  process.stdout.write(`> ${name}\n`)
  const { status, signal, error } = spawnSync(command, rest, { cwd: root, stdio: 'inherit' })
  if (error !== undefined) process.stdout.write(`${command} cannot be started: ${error.message}\n`)
  if (signal !== null) process.stdout.write(`${command} was ended by ${signal}\n`)
  return status === 0
}

function testArguments (paths: readonly string[]): readonly string[] {
  return [
    '--conditions=plimsoll-source',
    '--test',
    // Two at a time: system tests start whole clusters, and a file that waits leaves room for another.
    `--test-concurrency=${Math.max(2, Math.floor(availableParallelism() / 2))}`,
    // No test may hang for ever; this is far above what the slowest file takes.
    '--test-timeout=300000',
    `--test-reporter=${fileURLToPath(new URL('test-reporter.ts', import.meta.url))}`,
    ...paths.filter((path) => existsSync(path)).map((path) =>
      statSync(path).isDirectory() ? `${path}/**/*.test.ts` : path
    ),
    ...paths.filter((path) => !existsSync(path)), // a glob, or a slip that node:test reports
  ]
}
