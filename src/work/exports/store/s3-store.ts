import { Readable } from 'node:stream'
import { type Clock, type Random, systemClock, systemRandom } from '../../../kernel/index.ts'
import { FileMissingError, StoreUnavailableError } from './errors.ts'
import { checkFileName, checkPrefix } from './file-name.ts'
import type { FileStore, LinkOptions, ReadOptions, StoredFile } from './file-store.ts'
import { S3Client, type S3ClientOptions } from './s3-client.ts'
import { S3Upload } from './s3-upload.ts'
import { elementsIn, textIn } from './xml.ts'

export type { S3Credentials } from './s3-client.ts'

export interface S3StoreOptions extends Omit<S3ClientOptions, 'clock' | 'random'> {
  /** Put before all names, e.g. `exports`; of the form of a file's name. @default nothing */
  readonly prefix?: string
  /** @default the system's */
  readonly clock?: Clock
  /** @default the system's */
  readonly random?: Random
}

/** How many deletions are under way at once. */
const deletionsAtOnce = 8

/**
 * Files in an S3-compatible store. Files of more than 8 MiB are uploaded in pieces, of which one is in memory at a
 * time. The credentials need `s3:PutObject`, `s3:GetObject`, `s3:DeleteObject`, `s3:AbortMultipartUpload`,
 * `s3:ListBucket` and `s3:ListBucketMultipartUploads`.
 *
 * In a bucket that keeps versions a deleted file stays as an old one: give it a life-cycle rule that deletes those.
 */
export function s3Store (options: S3StoreOptions): FileStore {
  const { prefix: folder, clock = systemClock, random = systemRandom } = options
  if (folder !== undefined) checkFileName(folder)
  const client = new S3Client({ ...options, clock, random })
  const before = folder === undefined ? '' : `${folder}/`

  async function write (
    name: string,
    bytes: AsyncIterable<Uint8Array>,
    signal?: AbortSignal
  ): Promise<number> {
    checkFileName(name)
    const upload = new S3Upload(client, before + name, signal)
    try {
      for await (const piece of bytes) await upload.add(piece)
      return await upload.finish()
    } catch (error) {
      await upload.abandon()
      throw error
    }
  }

  async function read (name: string, { start = 0, end, signal }: ReadOptions = {}): Promise<Readable> {
    checkFileName(name)
    const whole = start === 0 && end === undefined
    const first = await open(name, whole ? {} : { range: `bytes=${start}-${end ?? ''}` }, signal)
    if (first.status === 416 && start === 0) return Readable.from([])
    if (first.status === 416) throw new RangeError(`${name} ends before byte ${start}`)
    if (first.body === null) return Readable.from([])
    if (!whole) await refuseWhole(first, name)
    const last = lastByteOf(first, start)
    return client.body({
      task: `read ${name}`,
      first,
      start,
      end: last,
      signal,
      async reopen (from, etag, signal) {
        const rest = await open(name, { range: `bytes=${from}-${last ?? ''}`, 'if-match': etag }, signal)
        if (rest.status !== 412 && rest.status !== 416) await refuseWhole(rest, name)
        else throw new StoreUnavailableError(`read ${name}`, 'it was replaced meanwhile')
        return rest
      },
    })
  }

  async function open (
    name: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined
  ): Promise<Response> {
    const response = await client.open({
      method: 'GET',
      key: before + name,
      headers,
      signal,
      task: `read ${name}`,
      expected: [404, 412, 416],
    })
    if (response.status === 404) throw new FileMissingError(name)
    return response
  }

  async function* list (prefix: string): AsyncGenerator<StoredFile> {
    checkPrefix(prefix)
    for (let next: string | undefined = '';;) {
      const { text } = await client.send({
        method: 'GET',
        query: {
          'list-type': '2',
          prefix: before + prefix,
          ...(next === '' ? {} : { 'continuation-token': next }),
        },
        task: `list ${prefix}`,
      })
      for (const entry of elementsIn(text, 'Contents')) {
        const name = (textIn(entry, 'Key') ?? '').slice(before.length)
        const bytes = Number(textIn(entry, 'Size'))
        yield { name, bytes, writtenAtMs: Date.parse(textIn(entry, 'LastModified') ?? '') }
      }
      next = textIn(text, 'NextContinuationToken')
      if (next === undefined) return
    }
  }

  async function remove (names: readonly string[]): Promise<void> {
    for (let at = 0; at < names.length; at += deletionsAtOnce) {
      await Promise.all(
        names.slice(at, at + deletionsAtOnce).map((name) => {
          const task = `delete ${name}`
          return client.send({ method: 'DELETE', key: before + name, task, expected: [404] })
        })
      )
    }
  }

  /** Uploads that somebody began and never finished: they are paid for, and in no list of files. */
  async function abandonUploads (prefix: string, beforeMs: number): Promise<number> {
    const { text } = await client.send({
      method: 'GET',
      query: { uploads: '', prefix: before + prefix },
      task: `list the unfinished uploads of ${prefix}`,
    })
    const old = elementsIn(text, 'Upload').filter((entry) =>
      Date.parse(textIn(entry, 'Initiated') ?? '') < beforeMs
    )
    for (const entry of old) {
      await S3Upload.abandon(client, textIn(entry, 'Key') ?? '', textIn(entry, 'UploadId') ?? '')
    }
    return old.length
  }

  const close = async (): Promise<void> => {}
  return {
    name: 's3',
    async prepare () {
      const query = { 'list-type': '2', 'max-keys': '1', prefix: before }
      await client.send({ method: 'GET', query, task: `use the bucket ${options.bucket}` })
    },
    write,
    read,
    list,
    async delete (names) {
      for (const name of names) checkFileName(name)
      await remove(names)
    },
    async expire (prefix, beforeMs) {
      const old: string[] = []
      for await (const { name, writtenAtMs } of list(prefix)) if (writtenAtMs < beforeMs) old.push(name)
      await remove(old)
      return old.length + await abandonUploads(prefix, beforeMs)
    },
    async link (name: string, { forMs, type, disposition, encoding }: LinkOptions) {
      checkFileName(name)
      const query = {
        ...(type === undefined ? {} : { 'response-content-type': type }),
        ...(disposition === undefined ? {} : { 'response-content-disposition': disposition }),
        ...(encoding === undefined ? {} : { 'response-content-encoding': encoding }),
      }
      return client.presign(before + name, query, forMs)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function refuseWhole ({ status, body }: Response, name: string): Promise<void> {
  if (status === 206) return
  await body?.cancel()
  throw new StoreUnavailableError(`read a range of ${name}`, 'it does not know ranges')
}

/** Which byte of the file is the last of an answer that begins at `start`; undefined where that is not said. */
function lastByteOf ({ headers }: Response, start: number): number | undefined {
  const length = headers.get('content-length')
  return length === null ? undefined : start + Number(length) - 1
}
