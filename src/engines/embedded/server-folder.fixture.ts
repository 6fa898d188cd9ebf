import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { socketFolderName } from './place.ts'
import { readPostmasterFile } from './postmaster-file.ts'
import { isServerOf } from './process-alive.ts'

export interface ServerFolder extends AsyncDisposable {
  readonly path: string
  /** Process id of the server that runs in it; undefined when none does. */
  pid(): Promise<number | undefined>
}

/** A folder for one embedded server. When it is disposed of, a server that still runs there is killed. */
export async function serverFolder (): Promise<ServerFolder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'plimsoll-embedded-')))
  // As root, the server runs as another user, who must be let in.
  await chmod(path, 0o755)
  const data = join(path, 'data')
  async function pid (): Promise<number | undefined> {
    const file = await readPostmasterFile(data)
    return file !== undefined && await isServerOf(file.pid, data) ? file.pid : undefined
  }
  return {
    path,
    pid,
    async [Symbol.asyncDispose] () {
      const running = await pid()
      if (running !== undefined) process.kill(running, 'SIGKILL')
      await rm(join(tmpdir(), socketFolderName(path)), { recursive: true, force: true })
      await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    },
  }
}
