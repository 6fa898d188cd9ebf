// `npm run build`: compiles src/ to dist/, from scratch, takes along what is not TypeScript, and joins the modules.
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from './bundle.ts'
import { publishedDeclaration } from './declarations.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

// A file that was renamed or deleted must not live on in the package.
rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true })
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (status === 0) {
  const { peerDependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  for (const file of globSync('dist/**/*.d.ts', { cwd: root })) {
    const declaration = new URL(`../${file}`, import.meta.url)
    const text = readFileSync(declaration, 'utf8')
    writeFileSync(declaration, publishedDeclaration(text, Object.keys(peerDependencies)))
  }
  cpSync(new URL('../src', import.meta.url), new URL('../dist', import.meta.url), {
    recursive: true,
    filter: (source) => statSync(source).isDirectory() || extname(source) !== '.ts',
  })
  await bundle()
}
process.exitCode = status ?? 1
