import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Plimsoll as its package holds it: built, without the sources. */
export class InstalledCopy implements Disposable {
  readonly #folder: string = mkdtempSync(path.join(tmpdir(), 'plimsoll-bench-start-'))

  /** @throws Error when the sources do not compile far enough */
  constructor () {
    const { stdout } = spawnSync(
      process.execPath,
      [
        `${root}node_modules/typescript/bin/tsc`,
        '-p',
        'tsconfig.build.json',
        '--outDir',
        `${this.#folder}/dist`,
      ],
      { cwd: root, encoding: 'utf8' }
    )
    if (!existsSync(`${this.#folder}/dist/cli/main.js`)) throw new Error(`it cannot be built:\n${stdout}`)
    for (const part of ['bin', 'package.json', 'examples/minimal']) {
      cpSync(`${root}${part}`, `${this.#folder}/${part}`, { recursive: true })
    }
    symlinkSync(`${root}node_modules`, `${this.#folder}/node_modules`)
  }

  /** The `plimsoll` command. */
  get command (): string {
    return `${this.#folder}/bin/plimsoll.js`
  }

  /** The module of examples/minimal. */
  get minimal (): string {
    return `${this.#folder}/examples/minimal/service.ts`
  }

  [Symbol.dispose] (): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
