import { access, chmod, lstat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { ListenAddress } from './address.ts'
import { errnoOf, ListenError, listenErrorOf } from './errors.ts'
import { parseSocketMode } from './options.ts'

/** Longest path of a UNIX socket, in bytes: what `sun_path` holds beside its final zero. */
const longestPath = process.platform === 'linux' ? 107 : 103

/**
 * Makes a path ready to be bound: a socket file whose owner is gone is removed. Whoever binds calls it once,
 * before binding; under node:cluster that is the primary, before it forks.
 *
 * @throws ListenError SOCKET_IN_USE when somebody answers there, SOCKET_PATH_TAKEN when it is no socket,
 *   SOCKET_PATH_TOO_LONG, SOCKET_DIRECTORY_MISSING
 */
export async function prepareSocketPath (path: string): Promise<void> {
  const address: ListenAddress = { kind: 'unix', path }
  const bytes = Buffer.byteLength(path)
  if (bytes > longestPath) {
    const advice = `the path takes ${bytes} bytes, a socket's may take ${longestPath}; use a shorter one`
    throw new ListenError('SOCKET_PATH_TOO_LONG', address, advice)
  }
  try {
    // Asked here, since libuv reports a bind in a missing directory as EACCES.
    await access(dirname(path))
    const found = await statOrNothing(path)
    if (found === undefined) return
    if (!found.isSocket()) {
      const advice = 'the path exists and is not a socket; remove it, or choose another path'
      throw new ListenError('SOCKET_PATH_TAKEN', address, advice)
    }
    if (await answers(path)) {
      const advice = 'another process listens there; stop it, or choose another path'
      throw new ListenError('SOCKET_IN_USE', address, advice)
    }
    // Another start may have replaced it meanwhile: that one is not ours to remove.
    if ((await statOrNothing(path))?.ino === found.ino) await unlink(path)
  } catch (error) {
    throw listenErrorOf(address, error)
  }
}

/**
 * Sets the permissions of a bound socket.
 *
 * @param mode octal digits such as `660`
 * @throws SettingError when it is not, ListenError when the system refuses
 */
export async function finishSocketPath (path: string, mode: string): Promise<void> {
  const bits = parseSocketMode(mode)
  try {
    await chmod(path, bits)
  } catch (error) {
    throw listenErrorOf({ kind: 'unix', path }, error)
  }
}

/** Removes a socket file that its process left behind; anything but a socket stays. */
export async function removeSocketPath (path: string): Promise<void> {
  if ((await statOrNothing(path))?.isSocket() !== true) return
  try {
    await unlink(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

type Stats = Awaited<ReturnType<typeof lstat>>

async function statOrNothing (path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Only a refused connection proves that nobody listens: a full backlog (EAGAIN), say, proves the opposite. */
function answers (path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error) => resolve(!['ECONNREFUSED', 'ENOENT'].includes(errnoOf(error))))
  })
}
