// `npm run build`: compiles src/ to dist/, from scratch, takes along what is not TypeScript, and joins the modules.
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from './bundle.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

// A file that was renamed or deleted must not live on in the package.
rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true })
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (status === 0) {
  for (const file of globSync('dist/**/*.d.ts', { cwd: root }))
    nameBuiltFiles(new URL(`../${file}`, import.meta.url))
  cpSync(new URL('../src', import.meta.url), new URL('../dist', import.meta.url), {
    recursive: true,
    filter: (source) => statSync(source).isDirectory() || extname(source) !== '.ts',
  })
  await bundle()
}
process.exitCode = status ?? 1

/** `tsc` rewrites `./x.ts` to `./x.js` in code only, and leaves declarations naming files that are not there. */
function nameBuiltFiles (declaration: URL): void {
  const text = readFileSync(declaration, 'utf8')
  writeFileSync(
    declaration,
    text.replaceAll(/((?:from|import|declare module) ?\(?['"]\.[^'"]*)\.ts(?=['"])/g, '$1.js')
  )
}
