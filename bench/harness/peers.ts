import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ToolMissingError } from './tools.ts'

/** The folder with the peers' programs and their own package.json. */
export const peersFolder: string = fileURLToPath(new URL('../peers', import.meta.url))

/**
 * Installs the peers when they are not there or their lock file changed. Their install scripts do not
 * run: none of them needs one.
 */
export function installPeers (say: (message: string) => void): void {
  const stamp = `${peersFolder}/node_modules/.package-lock.json`
  const lock = `${peersFolder}/package-lock.json`
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lock).mtimeMs) return
  say('Installing the peers (npm ci --prefix bench/peers) ...')
  const { status, stderr } = spawnSync(
    'npm',
    ['ci', '--prefix', peersFolder, '--ignore-scripts', '--no-audit', '--no-fund'],
    { encoding: 'utf8' }
  )
  if (status === 0) return
  throw new ToolMissingError(
    'the packages of bench/peers',
    `\`npm ci --prefix bench/peers\` failed:\n${stderr.trim()}`
  )
}

/** The version that is installed, of a package of the peers or (with `root`) of Plimsoll's own. */
export function packageVersion (name: string, root = peersFolder): string | undefined {
  try {
    const text = readFileSync(`${root}/node_modules/${name}/package.json`, 'utf8')
    return (JSON.parse(text) as { version: string }).version
  } catch {
    return undefined
  }
}
