import type { Dirent } from 'node:fs'
import {
  constants,
  type FileHandle,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rmdir,
  stat,
  unlink,
} from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { idSource, type Random, systemRandom } from '../../../kernel/index.ts'
import { FileMissingError, StoreUnavailableError } from './errors.ts'
import { checkFileName, checkPrefix } from './file-name.ts'
import type { FileStore, ReadOptions, StoredFile } from './file-store.ts'

export interface DirectoryStoreOptions {
  /** Where the files lie; made when it is missing. All processes that share exports need the same one. */
  readonly path: string
  /** @default the system's */
  readonly random?: Random
}

/** What is being written has a name that no file can have. */
const unfinished = /^\.(.+)\.[a-z0-9-]+\.part$/

/**
 * Files in a directory of this machine, or of a file system that all machines mount. For several machines without
 * one, use an S3-compatible store.
 *
 * A file is written beside its place, flushed to the disk, and renamed; then the directory is flushed, since the
 * name is part of that.
 */
export function directoryStore ({ path, random = systemRandom }: DirectoryStoreOptions): FileStore {
  const root = resolve(path)
  const nextId = idSource(random)
  const placeOf = (name: string): string => join(root, ...name.split('/'))

  async function write (
    name: string,
    bytes: AsyncIterable<Uint8Array>,
    signal?: AbortSignal
  ): Promise<number> {
    checkFileName(name)
    signal?.throwIfAborted()
    const place = placeOf(name)
    const folder = dirname(place)
    const beside = join(folder, `.${basename(place)}.${nextId()}.part`)
    const file = await during(`write ${name}`, () => openNew(beside, root))
    try {
      const written = await writeAll(file, bytes, name, signal)
      await during(`write ${name}`, async () => {
        await file.sync()
        await file.close()
        await rename(beside, place)
        await flushFolder(folder)
      })
      return written
    } catch (error) {
      await file.close().catch(() => {})
      await unlink(beside).catch(() => {})
      throw error
    }
  }

  async function read (name: string, { start = 0, end, signal }: ReadOptions = {}): Promise<Readable> {
    checkFileName(name)
    const file = await openForReading(placeOf(name), root, name)
    try {
      const { size } = await file.stat()
      if (start > 0 && start >= size)
        throw new RangeError(`${name} has ${size} bytes, and byte ${start} was asked for`)
      return file.createReadStream({
        start,
        ...(end === undefined ? {} : { end }),
        ...(signal && { signal }),
      })
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async function* files (prefix: string): AsyncGenerator<Found> {
    checkPrefix(prefix)
    const cut = prefix.lastIndexOf('/') + 1
    for await (const entry of entriesBelow(join(root, prefix.slice(0, cut)))) {
      const path = relative(root, entry.path).split(sep).join('/')
      const name = entry.isFinished ?
        path :
        path.replace(/[^/]+$/, (last) => unfinished.exec(last)?.[1] ?? last)
      if (name.startsWith(prefix)) yield { ...entry, name }
    }
  }

  async function* list (prefix: string): AsyncGenerator<StoredFile> {
    for await (const { path, name, isFinished } of files(prefix)) {
      if (!isFinished) continue
      const found = await stat(path).catch(ignoreMissing)
      if (found !== undefined) yield { name, bytes: found.size, writtenAtMs: found.mtimeMs }
    }
  }

  async function remove (path: string): Promise<void> {
    await unlink(path).catch(ignoreMissing)
    for (let folder = dirname(path); folder !== root; folder = dirname(folder)) {
      // Only empty ones go; one that gets a new file at this moment stays.
      const gone = await rmdir(folder).then(() => true, () => false)
      if (!gone) break
    }
  }

  const close = async (): Promise<void> => {}
  return {
    name: 'directory',
    prepare: () =>
      during(`use the directory ${root}`, async () => {
        await mkdir(root, { recursive: true, mode: 0o750 })
        await flushFolder(root)
      }),
    write,
    read,
    list,
    async delete (names) {
      for (const name of names) {
        checkFileName(name)
        await during(`delete ${name}`, () => remove(placeOf(name)))
      }
    },
    async expire (prefix, beforeMs) {
      let gone = 0
      for await (const { path, name } of files(prefix)) {
        const found = await stat(path).catch(ignoreMissing)
        if (found === undefined || found.mtimeMs >= beforeMs) continue
        await during(`delete ${name}`, () => remove(path))
        gone++
      }
      return gone
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

interface Entry {
  readonly path: string
  readonly isFinished: boolean
}

interface Found extends Entry {
  readonly name: string
}

async function writeAll (
  file: FileHandle,
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  signal: AbortSignal | undefined
): Promise<number> {
  let written = 0
  for await (const piece of bytes) {
    signal?.throwIfAborted()
    await during(`write ${name}`, () => file.writeFile(piece))
    written += piece.length
  }
  signal?.throwIfAborted()
  return written
}

/** Opens a file, and makes its directory; once more where somebody has just removed that for being empty. */
async function openNew (path: string, root: string): Promise<FileHandle> {
  for (let attempt = 1;; attempt++) {
    await makeFolder(dirname(path), root)
    try {
      return await open(path, 'wx', 0o640)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || attempt === 3) throw error
    }
  }
}

/** Makes a directory with those above it, and flushes each name that was new. */
async function makeFolder (folder: string, root: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o750 })
  if (made !== undefined) {
    for (let at = folder;; at = dirname(at)) {
      await flushFolder(dirname(at))
      if (at === made) break
    }
  }
  await refuseWayOut(folder, root)
}

/** A link in the directory could lead out of it; no name that is given can. */
async function refuseWayOut (folder: string, root: string): Promise<void> {
  const [real, realRoot] = await Promise.all([realpath(folder), realpath(root)])
  if (real !== realRoot && !real.startsWith(realRoot + sep))
    throw new Error(`${folder} is a link that leads out of ${root}`)
}

async function openForReading (place: string, root: string, name: string): Promise<FileHandle> {
  try {
    await refuseWayOut(dirname(place), root)
    return await open(place, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw new FileMissingError(name, error)
    throw new StoreUnavailableError(`read ${name}`, codeOf(error) ?? messageOf(error), error)
  }
}

async function* entriesBelow (folder: string): AsyncGenerator<Entry> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(ignoreMissing) ?? []
  for (const entry of entries) {
    if (entry.isDirectory()) yield* entriesBelow(join(folder, entry.name))
    else if (entry.isFile() && isOurs(entry))
      yield { path: join(folder, entry.name), isFinished: !unfinished.test(entry.name) }
  }
}

function isOurs ({ name }: Dirent): boolean {
  return !name.startsWith('.') || unfinished.test(name)
}

/** Without this a name can be lost in a power cut after the file itself was flushed. */
async function flushFolder (folder: string): Promise<void> {
  // Windows has no such thing, and keeps names by a journal.
  if (process.platform === 'win32') return
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function during<Result> (task: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw new StoreUnavailableError(task, codeOf(error) ?? messageOf(error), error)
  }
}

function ignoreMissing (error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}

function codeOf (error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
