import { AwsV4Signer } from 'aws4fetch'
import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import {
  type BackoffLimits,
  type Clock,
  type Duration,
  fullJitter,
  parseDuration,
  type Random,
  SettingError,
  sleep,
} from '../../../kernel/index.ts'
import { StoreUnavailableError } from './errors.ts'
import { type BodySource, S3Body } from './s3-body.ts'
import { textIn } from './xml.ts'

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of credentials that end, such as those of a role. */
  readonly sessionToken?: string | undefined
}

export interface S3ClientOptions {
  /** E.g. `https://s3.eu-central-1.amazonaws.com` or `http://minio:9000`. */
  readonly endpoint: string
  readonly bucket: string
  /** @default 'us-east-1', which stores without regions take */
  readonly region?: string | undefined
  /** The keys; or a function that is asked before each request, for those that change. */
  readonly credentials: S3Credentials | (() => S3Credentials | Promise<S3Credentials>)
  /**
   * Where the bucket stands: `path` (`endpoint/bucket/file`), as most S3-compatible stores take it, or `host`
   * (`bucket.endpoint/file`), which Amazon wants of new buckets. @default 'host' for amazonaws.com, else 'path'
   */
  readonly address?: 'path' | 'host' | undefined
  /**
   * How long one try of a request may take, headers and body, with up to 8 MiB that are sent; of a download each 8
   * MiB. @default '60s'
   */
  readonly timeout?: Duration | undefined
  /** How long a download may bring nothing before it is opened anew from where it was. @default '15s' */
  readonly idle?: Duration | undefined
  readonly clock: Clock
  readonly random: Random
}

export interface S3Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD'
  /** The file; absent: the bucket. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer>
  readonly signal?: AbortSignal | undefined
  /** What is being done, to follow "could not". */
  readonly task: string
  /** Statuses beside 2xx that are an answer, not a failure. */
  readonly expected?: readonly number[]
}

export interface S3Answer {
  readonly status: number
  readonly headers: Headers
  /** Read at once; empty for a stream. */
  readonly text: string
}

const triesMost = 5
const pauses: BackoffLimits = { baseMs: 100, capMs: 5_000 }
const nothing = createHash('sha256').digest('hex')

/**
 * Signs requests (signature version 4, by `aws4fetch`), sends them, and repeats what failed for no fault of theirs:
 * all that is asked here may happen twice.
 *
 * Bodies are signed too, so that one that was damaged on its way is refused by the store.
 */
export class S3Client {
  readonly #options: S3ClientOptions
  readonly #base: URL
  readonly #timeoutMs: number
  readonly #idleMs: number
  /** Signing keys, by day. */
  readonly #keys = new Map<string, ArrayBuffer>()

  /** @throws SettingError */
  constructor (options: S3ClientOptions) {
    this.#options = options
    this.#base = baseOf(options)
    this.#timeoutMs = parseDuration(options.timeout ?? '60s', 's3.timeout')
    this.#idleMs = parseDuration(options.idle ?? '15s', 's3.idle')
  }

  /** @throws StoreUnavailableError; the signal's reason */
  async send (request: S3Request): Promise<S3Answer> {
    return this.#repeat(request, async (response) => {
      const text = await response.text()
      // What takes long is answered before it is done, with 200, and may fail after that.
      if (response.ok && text.includes('<Error>')) throw refused(request.task, 200, text)
      return { status: response.status, headers: response.headers, text }
    })
  }

  /** As {@link send}, with a body that has not been read yet; nothing bounds that but {@link body}. */
  async open (request: S3Request): Promise<Response> {
    return this.#repeat(request, async (response) => {
      if (!response.ok) await response.body?.cancel()
      return response
    })
  }

  /** The body of what was opened, as a stream that neither stalls nor breaks off where that can be helped. */
  body (source: Pick<BodySource, 'task' | 'first' | 'start' | 'end' | 'reopen' | 'signal'>): Readable {
    const { clock, random } = this.#options
    return new S3Body({ ...source, clock, random, pauses, timeoutMs: this.#timeoutMs, idleMs: this.#idleMs })
  }

  /** An address that is signed itself. */
  async presign (key: string, query: Readonly<Record<string, string>>, forMs: number): Promise<string> {
    const signer = await this.#signer({ method: 'GET', key, task: 'sign' }, {
      ...query,
      'X-Amz-Expires': String(Math.min(604_800, Math.max(1, Math.floor(forMs / 1_000)))),
    }, true)
    return (await signer.sign()).url.href
  }

  async #repeat<Result> (request: S3Request, take: (response: Response) => Promise<Result>): Promise<Result> {
    const { clock, random } = this.#options
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#once(request, take)
      } catch (error) {
        request.signal?.throwIfAborted()
        if (attempt === triesMost || !isPassing(error)) throw error
        await sleep(clock, fullJitter(attempt, pauses, random), request.signal)
      }
    }
  }

  async #once<Result> (request: S3Request, take: (response: Response) => Promise<Result>): Promise<Result> {
    const { task, body, signal, expected = [] } = request
    const { method, url, headers } = await (await this.#signer(request, request.query ?? {}, false)).sign()
    const ended = new AbortController()
    const cancel = this.#options.clock.after(
      this.#timeoutMs,
      () => ended.abort(new Error('no answer in time'))
    )
    const stop = (): void => ended.abort(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted === true) stop()
    try {
      const response = await fetch(url, {
        method,
        headers,
        signal: ended.signal,
        redirect: 'manual', // the signature holds for one host
        ...(body === undefined ? {} : { body }),
      })
      if (response.ok || expected.includes(response.status)) return await take(response)
      throw refused(task, response.status, await response.text())
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error
      throw new StoreUnavailableError(task, causeOf(error), error)
    } finally {
      cancel()
      signal?.removeEventListener('abort', stop)
    }
  }

  async #signer (
    { method, key, headers = {}, body }: S3Request,
    query: Readonly<Record<string, string>>,
    signQuery: boolean
  ): Promise<AwsV4Signer> {
    const { credentials, region = 'us-east-1', clock } = this.#options
    const { accessKeyId, secretAccessKey, sessionToken } = typeof credentials === 'function' ?
      await credentials() :
      credentials
    const url = new URL(this.#base)
    if (key !== undefined) url.pathname += key
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    if (this.#keys.size > 16) this.#keys.clear()
    return new AwsV4Signer({
      method,
      url: url.href,
      headers: signQuery ? headers : {
        ...headers,
        'x-amz-content-sha256': body === undefined ?
          nothing :
          createHash('sha256').update(body).digest('hex'),
      },
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service: 's3',
      region,
      cache: this.#keys,
      datetime: new Date(clock.epochMs()).toISOString().replaceAll(/[:-]|\.\d{3}/g, ''),
      signQuery,
    })
  }
}

/** The store's answer as an error, which keeps its status. */
function refused (task: string, status: number, text: string): StoreUnavailableError {
  const code = textIn(text, 'Code') ?? `status ${status}`
  return Object.assign(new StoreUnavailableError(task, code), { status })
}

/** Busy, broken or unreachable; anything else that the store says, it would say again. */
function isPassing (error: unknown): boolean {
  if (!(error instanceof StoreUnavailableError)) return false
  const status = 'status' in error ? Number(error.status) : undefined
  return status === undefined || status === 200 || status === 408 || status === 429 || status >= 500
}

function causeOf (error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code)
  return cause instanceof Error ? cause.message : String(cause)
}

function baseOf ({ endpoint, bucket, address }: S3ClientOptions): URL {
  if (!URL.canParse(endpoint) || !/^https?:/.test(endpoint))
    throw new SettingError(
      's3.endpoint',
      'an address such as "https://s3.eu-central-1.amazonaws.com"',
      endpoint
    )
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw new SettingError(
      's3.bucket',
      'the name of a bucket: 3 to 63 lower-case letters, digits, "." or "-"',
      bucket
    )
  const url = new URL(endpoint)
  const isAmazon = /(?:^|\.)amazonaws\.com(?:\.cn)?$/.test(url.hostname)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  if ((address ?? (isAmazon ? 'host' : 'path')) === 'host') url.hostname = `${bucket}.${url.hostname}`
  else url.pathname += `${bucket}/`
  return url
}
