import type { Readable } from 'node:stream'

/** A file that is kept. */
export interface StoredFile {
  readonly name: string
  readonly bytes: number
  /** When it was written, in milliseconds since the Unix epoch by the store's own clock. */
  readonly writtenAtMs: number
}

/** Which bytes of a file; all of it by default. */
export interface ByteRange {
  /** The first byte, from 0. @default 0 */
  readonly start?: number | undefined
  /** The last byte, inclusive, as in HTTP; at least `start`. @default the file's last */
  readonly end?: number | undefined
}

export interface ReadOptions extends ByteRange {
  /** Ends the read, also in the middle. */
  readonly signal?: AbortSignal | undefined
}

/** How a file that is fetched by its link introduces itself. */
export interface LinkOptions {
  /** How long the link works, in milliseconds. */
  readonly forMs: number
  /** The value of `Content-Type`. */
  readonly type?: string | undefined
  /** The value of `Content-Disposition`. */
  readonly disposition?: string | undefined
  /** The value of `Content-Encoding`. */
  readonly encoding?: string | undefined
}

/**
 * Where files lie. A file is written as a whole and never changed: there is no append, because object stores have none.
 *
 * Names are of the form that {@link checkFileName} lets pass. Whoever knows a name can read the file: who may is
 * for the caller to decide.
 */
export interface FileStore extends AsyncDisposable {
  readonly name: 'directory' | 's3'
  /** Checks that files can be kept, so that a mistake stops the boot and not the first export. */
  prepare(): Promise<void>
  /**
   * Writes a file. Once it resolves the file is there and outlasts a crash of everything; until then it is not there at
   * all, whatever happens in between: nobody ever reads or lists half a file. A file of that name is replaced.
   *
   * @returns how many bytes were written
   * @throws what `bytes` throws; StoreUnavailableError; the signal's reason
   */
  write(name: string, bytes: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<number>
  /**
   * Opens a file. What is read is of one state of it, also when it is replaced or deleted meanwhile; where the store
   * cannot give that, the stream errs.
   *
   * @throws FileMissingError; StoreUnavailableError; RangeError for a range that begins after the file's end
   */
  read(name: string, options?: ReadOptions): Promise<Readable>
  /** Files whose names begin so, in no order. */
  list(prefix: string): AsyncIterable<StoredFile>
  /** Deletes files; those that are not there are no error. */
  delete(names: readonly string[]): Promise<void>
  /**
   * Deletes what was last written before a moment, and what writes that never ended have left behind: they take room,
   * and are in no list.
   *
   * @returns how many files and unfinished writes are gone
   */
  expire(prefix: string, beforeMs: number): Promise<number>
  /** An address from which anybody who has it can fetch the file for a while. Absent where there is no such thing. */
  link?(name: string, options: LinkOptions): Promise<string>
  /** Frees what the store opened itself; a second call does nothing. */
  close(): Promise<void>
}
