import { createHash } from 'node:crypto'
import { chmod, chown, cp, lstat, mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedUnavailableError, systemCode } from './errors.ts'
import { reachable, type ServerUser, serverUserFor } from './server-user.ts'

/** Where one embedded server lives. All paths are absolute and within reach of its user. */
export interface Place {
  /** The package's `native` directory, or a copy of it. */
  readonly native: string
  /** Holds `data` and `server.log`. */
  readonly home: string
  /** PGDATA. It holds the password and the remembered port, so that they come and go with the data. */
  readonly data: string
  readonly log: string
  /** For the UNIX socket; undefined where there is none, and TCP must do. */
  readonly sockets: string | undefined
  /** Undefined to run as this process's user. */
  readonly user: ServerUser | undefined
}

/** Where root keeps what its server's user could not reach elsewhere. */
const rootHome = '/var/lib/plimsoll'

/** The longest path of a UNIX socket that every system takes: macOS 103 bytes, Linux 107. */
const longestSocketPath = 103

/**
 * Decides where the server of `directory` lives. As a rule in `directory`; but when this process is root,
 * the server runs as another user, who may not be able to enter `directory` (a checkout under /root, say).
 * Its data and, if need be, a copy of its binaries then live under /var/lib/plimsoll, named by a hash of
 * the path, so that two checkouts never share them.
 *
 * @param say hears of such a move
 */
export async function findPlace (
  directory: string,
  native: string,
  say: (message: string) => void
): Promise<Place> {
  const wanted = await makeFolder(directory)
  let home = wanted
  let user = await serverUserFor(join(home, 'data'))
  if (user !== undefined && !(await reachable(home, user))) {
    home = join(await makeOpenFolder(rootHome), hash(wanted))
    await makeOpenFolder(home)
    user = await serverUserFor(join(home, 'data')) ?? user
    say(
      `data is kept in ${home}, since PostgreSQL refuses root and user ${user.uid} cannot reach ${wanted}`
    )
  }
  return {
    native: user === undefined ? native : await reachableNative(native, user, say),
    home,
    data: join(home, 'data'),
    log: join(home, 'server.log'),
    sockets: await socketFolder(home, user),
    user,
  }
}

async function makeFolder (path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true })
    return await realpath(path)
  } catch (error) {
    throw new EmbeddedUnavailableError(`its directory ${path} cannot be made (${systemCode(error)})`, error)
  }
}

/** Whatever the umask, others may enter; what is private has its own mode within. */
async function makeOpenFolder (path: string): Promise<string> {
  await makeFolder(path)
  await chmod(path, 0o755)
  return path
}

async function reachableNative (
  native: string,
  user: ServerUser,
  say: (message: string) => void
): Promise<string> {
  const samples = ['bin/postgres', 'bin/initdb', 'lib/postgresql', 'share/postgresql/postgres.bki']
  const found = await Promise.all(samples.map((sample) => readableBy(join(native, sample), user)))
  if (found.every(Boolean)) return native
  const { mtimeMs } = await stat(join(native, 'bin/postgres'))
  const copy = join(await makeOpenFolder(rootHome), `native-${hash(`${native} ${mtimeMs}`)}`)
  if (!(await exists(copy))) {
    const half = `${copy}.${process.pid}`
    await cp(native, half, { recursive: true, verbatimSymlinks: true })
    await openToAll(half)
    await renameOnce(half, copy)
    say(`binaries are copied to ${copy}, since user ${user.uid} cannot reach ${native}`)
  }
  return copy
}

/** A plain file need not be executable, so only its folder is asked for the way in. */
async function readableBy (path: string, user: ServerUser): Promise<boolean> {
  const { mode } = await stat(path)
  const executable = (mode & 0o111) !== 0
  return executable ? reachable(path, user) : (mode & 0o004) !== 0 && reachable(join(path, '..'), user)
}

async function openToAll (folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) await chmod(path, 0o755)
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode | 0o444 | execute(entry.parentPath))
  }
}

function execute (folder: string): number {
  return folder.endsWith('/bin') ? 0o111 : 0
}

/** Renames a finished folder to its final name; if another process was first, its folder stays. */
export async function renameOnce (from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(systemCode(error) ?? '') || !(await exists(to)))
      throw error
    await rm(from, { recursive: true, force: true })
  }
}

async function exists (path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}

/** A short private folder, since the path of a checkout is often longer than a socket's may be. */
async function socketFolder (home: string, user: ServerUser | undefined): Promise<string | undefined> {
  if (process.platform === 'win32') return undefined
  for (const parent of new Set([tmpdir(), '/tmp'])) {
    const folder = join(parent, socketFolderName(home))
    if (Buffer.byteLength(join(folder, '.s.PGSQL.65535')) > longestSocketPath) continue
    if (user !== undefined && !(await reachable(parent, user))) continue
    if (await makePrivate(folder, user)) return folder
  }
  return undefined
}

/** The same for the same home, so that a later start finds it. */
export function socketFolderName (home: string): string {
  return `plimsoll-${hash(home)}`
}

/** False when the folder belongs to somebody else, who could then answer in the server's name. */
async function makePrivate (folder: string, user: ServerUser | undefined): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 })
    if (user !== undefined) await chown(folder, user.uid, user.gid)
    return true
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') return false
  }
  const { uid, mode } = await lstat(folder)
  const isFolder = (mode & 0o170000) === 0o040000
  return isFolder && (mode & 0o077) === 0 && uid === (user?.uid ?? process.getuid?.())
}

function hash (text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
