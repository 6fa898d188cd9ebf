import { StoreUnavailableError } from './errors.ts'
import type { S3Client } from './s3-client.ts'
import { textIn } from './xml.ts'

/** A file of less than this is sent in one request. S3 wants at least 5 MiB of each piece but the last. */
export const uploadPieceBytes: number = 8 * 1024 * 1024

/** S3 takes so many. */
const piecesMost = 10_000

/**
 * One file on its way to S3: collects bytes into pieces, and begins an upload in pieces once there is more than
 * one. The file is there when `finish` resolves, and not before.
 */
export class S3Upload {
  readonly #client: S3Client
  readonly #key: string
  readonly #signal: AbortSignal | undefined
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #written = 0
  #uploadId: string | undefined
  readonly #tags: string[] = []

  constructor (client: S3Client, key: string, signal: AbortSignal | undefined) {
    this.#client = client
    this.#key = key
    this.#signal = signal
  }

  async add (bytes: Uint8Array): Promise<void> {
    this.#signal?.throwIfAborted()
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes > uploadPieceBytes) await this.#sendPiece()
  }

  /** @returns the bytes of the file */
  async finish (): Promise<number> {
    this.#signal?.throwIfAborted()
    if (this.#uploadId === undefined) {
      const body = this.#take()
      await this.#client.send({
        method: 'PUT',
        key: this.#key,
        body,
        signal: this.#signal,
        task: `write ${this.#key}`,
      })
      return body.length
    }
    if (this.#waitingBytes > 0) await this.#sendPiece()
    const parts = this.#tags.map((tag, at) =>
      `<Part><PartNumber>${at + 1}</PartNumber><ETag>${escapeXml(tag)}</ETag></Part>`
    )
    const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`)
    await this.#complete(body, this.#uploadId)
    return this.#written
  }

  /** Frees what has been sent. A failure is left to {@link FileStore.expire}, since it follows another one. */
  async abandon (): Promise<void> {
    const id = this.#uploadId
    if (id !== undefined) await S3Upload.abandon(this.#client, this.#key, id).catch(() => {})
  }

  static async abandon (client: S3Client, key: string, uploadId: string): Promise<void> {
    const task = `abandon the upload of ${key}`
    await client.send({ method: 'DELETE', key, query: { uploadId }, task, expected: [404] })
  }

  async #complete (body: Uint8Array<ArrayBuffer>, uploadId: string): Promise<void> {
    const { status } = await this.#client.send({
      method: 'POST',
      key: this.#key,
      query: { uploadId },
      body,
      signal: this.#signal,
      task: `finish ${this.#key}`,
      expected: [404],
    })
    if (status !== 404) return
    // A try whose answer was lost may have finished it; then the upload is gone, and the file is there.
    const head = await this.#client.send({
      method: 'HEAD',
      key: this.#key,
      signal: this.#signal,
      task: `finish ${this.#key}`,
      expected: [404],
    })
    if (head.status === 404 || Number(head.headers.get('content-length')) !== this.#written)
      throw new StoreUnavailableError(`finish ${this.#key}`, 'NoSuchUpload')
  }

  async #sendPiece (): Promise<void> {
    if (this.#tags.length === piecesMost)
      throw new StoreUnavailableError(`write ${this.#key}`, `it has more than ${piecesMost} pieces`)
    this.#uploadId ??= await this.#begin()
    const body = this.#take()
    const { headers } = await this.#client.send({
      method: 'PUT',
      key: this.#key,
      query: { partNumber: String(this.#tags.length + 1), uploadId: this.#uploadId },
      body,
      signal: this.#signal,
      task: `write ${this.#key}`,
    })
    const tag = headers.get('etag')
    if (tag === null) throw new StoreUnavailableError(`write ${this.#key}`, 'a piece got no ETag')
    this.#tags.push(tag)
    this.#written += body.length
  }

  async #begin (): Promise<string> {
    const { text } = await this.#client.send({
      method: 'POST',
      key: this.#key,
      query: { uploads: '' },
      signal: this.#signal,
      task: `begin ${this.#key}`,
    })
    const id = textIn(text, 'UploadId')
    if (id === undefined) throw new StoreUnavailableError(`begin ${this.#key}`, 'the upload got no id')
    return id
  }

  #take (): Uint8Array<ArrayBuffer> {
    const all = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    return all
  }
}

function escapeXml (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(
    '"',
    '&quot;'
  )
}
