import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** A folder of its own among the system's temporary ones; it goes with this process. */
export function scratchFolder (name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), `plimsoll-bench-${name}-`))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
