import { type Stats } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EmbeddedUnavailableError, systemCode } from './errors.ts'

/** The user that the server runs as. */
export interface ServerUser {
  readonly uid: number
  readonly gid: number
}

/**
 * PostgreSQL refuses to run as root. As root, the server runs as the owner of its data if there is some, else
 * as `postgres` or `nobody`.
 *
 * @param data the data directory, which need not exist
 * @returns undefined to run as this process's own user
 */
export async function serverUserFor (data: string): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const owner = await statOrUndefined(data)
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  const users = parseUsers(await readFile('/etc/passwd', 'utf8'))
  const user = users.get('postgres') ?? users.get('nobody')
  if (user === undefined) {
    throw new EmbeddedUnavailableError(
      'this process is root, PostgreSQL refuses to run as root, and there is neither a user "postgres" nor ' +
        '"nobody" to run it as; create one, or run as another user'
    )
  }
  return user
}

/** @see https://man7.org/linux/man-pages/man5/passwd.5.html */
export function parseUsers (passwd: string): ReadonlyMap<string, ServerUser> {
  const users = new Map<string, ServerUser>()
  for (const line of passwd.split('\n')) {
    const [name = '', , uid, gid] = line.split(':')
    if (uid !== undefined && gid !== undefined && uid !== '0') {
      users.set(name, { uid: Number(uid), gid: Number(gid) })
    }
  }
  return users
}

/** Whether `user` may read `path` (and enter or run it), and enter every folder above it, by mode bits. */
export async function reachable (path: string, user: ServerUser): Promise<boolean> {
  const last = await statOrUndefined(path)
  if (last !== undefined && !allows(last, user, 0o5)) return false
  for (let folder = dirname(path);; folder = dirname(folder)) {
    const found = await statOrUndefined(folder)
    if (found !== undefined && !allows(found, user, 0o1)) return false
    if (folder === dirname(folder)) return true
  }
}

function allows ({ mode, uid, gid }: Stats, user: ServerUser, bits: number): boolean {
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0
  return ((mode >> shift) & bits) === bits
}

async function statOrUndefined (path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
