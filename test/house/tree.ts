import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Tree } from './boundaries.ts'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Reads the repository's files below one folder.
 *
 * @param folder relative to the repository's root; a missing one is empty
 * @param ends what file names must end in: `.ts`
 */
export async function readTree (folder: string, ends: string): Promise<Tree> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => [])
  const paths = entries.filter((entry) => entry.isFile() && entry.name.endsWith(ends))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.includes('node_modules/'))
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(root, path), 'utf8')] as const))
  )
}
