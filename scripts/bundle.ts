import { build, type Plugin } from 'esbuild'
import { globSync, readFileSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What processes and threads start with, and modules that are named by their address: they stay where they are. */
const started = [
  'dist/cli/main.js',
  'dist/cli/read-declaration.js',
  'dist/serve/runtime/worker/worker-main.js',
  'dist/serve/compute/thread-main.js',
  'dist/plan/load/engine/thread-main.js',
  'dist/plan/load/scenario/traffic.js',
]

/**
 * Joins the modules of dist/ into few files: those that are asked for by name, and chunks that they share, so that a
 * class is one class however it is reached. Node reads, links and caches each file on its own, and a worker's start
 * has hundreds of them.
 */
export async function bundle (): Promise<void> {
  const entryPoints = [...exportedFiles(), ...started]
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir: 'dist',
    outbase: 'dist',
    chunkNames: 'chunks/[name]-[hash]',
    allowOverwrite: true,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    logLevel: 'warning',
    metafile: true,
    plugins: [addressesOfSources],
  })
  const written = new Set(Object.keys(metafile.outputs))
  for (const file of globSync('dist/**/*.js', { cwd: root })) if (!written.has(file)) rmSync(`${root}${file}`)
}

/** A module finds what stands beside it by `import.meta.url`, which in a chunk would be that of the chunk. */
const addressesOfSources: Plugin = {
  name: 'addresses of sources',
  setup ({ initialOptions, onLoad }) {
    initialOptions.define = { 'import.meta.url': 'ownAddress' }
    onLoad({ filter: /\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      if (!text.includes('import.meta.url')) return undefined
      const own = JSON.stringify(relative(root, path))
      const address =
        `const ownAddress = new URL(${own}, import.meta.resolve('plimsoll/package.json')).href\n`
      return { contents: address + text, loader: 'js' }
    })
  },
}

function exportedFiles (): readonly string[] {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { readonly exports: object }
  return Object.values(exports).flatMap((target: string | { readonly default: string }) =>
    typeof target === 'string' ? [] : target.default.replace(/^\.\//, '')
  )
}
