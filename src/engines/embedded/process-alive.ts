import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { promisify } from 'node:util'
import { systemCode } from './errors.ts'

/**
 * Whether a process of this id exists, be it another user's. A number may have been given to another since.
 */
export function isAlive (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}

/**
 * Whether process `pid` is a PostgreSQL server on the data directory `data`. An id alone says little: after a
 * restart of a container, the id in an old `postmaster.pid` is often that of the very process that asks.
 */
export async function isServerOf (pid: number, data: string): Promise<boolean> {
  if (!isAlive(pid)) return false
  if (process.platform === 'win32') return true
  if (process.platform === 'linux') return await folderOf(pid) === data
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }))
  return stdout.includes('postgres') && stdout.includes(data)
}

/**
 * Every process that runs in `data`: the server's children outlive it for a moment when it is killed. Linux
 * only.
 */
export async function processesIn (data: string): Promise<readonly number[]> {
  if (process.platform !== 'linux') return []
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const folders = await Promise.all(pids.map(async (pid) => [pid, await folderOf(pid)] as const))
  return folders.filter(([, folder]) => folder === data).map(([pid]) => pid)
}

/**
 * The server and its children work in the data directory. Undefined for a process that is gone, or a
 * zombie.
 */
async function folderOf (pid: number): Promise<string | undefined> {
  try {
    const folder = await readlink(`/proc/${pid}/cwd`)
    // A shell that stands in the folder is no server.
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('postgres') ? folder : undefined
  } catch {
    return undefined
  }
}
