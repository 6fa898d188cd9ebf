import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { S3Credentials } from './s3-client.ts'

/** What the mock does to the next request that fits, instead of answering it. */
export interface Mishap {
  readonly fits: (request: SeenRequest) => boolean
  /**
   * `lost`: it is carried out, and the connection breaks before the answer; `unread`: not even its body is read;
   * `stall`: half of the answer's body comes, and then nothing any more.
   */
  readonly happens: 'lost' | 'slow-down' | 'error-in-200' | 'hang' | 'unread' | 'stall' | 'damaged'
}

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly range: string | undefined
}

export interface MockS3 {
  readonly endpoint: string
  readonly bucket: string
  readonly credentials: S3Credentials
  readonly seen: readonly SeenRequest[]
  readonly uploads: ReadonlyMap<string, unknown>
  readonly mishaps: Mishap[]
  close(): Promise<void>
}

interface Upload {
  readonly key: string
  readonly parts: Map<number, { readonly tag: string; readonly bytes: Buffer }>
  readonly atMs: number
}

/**
 * A mock: it answers as the S3 documentation says, over real HTTP, and checks each signature with code of its own.
 * It is no proof that a real store agrees.
 */
export async function mockS3 (): Promise<MockS3> {
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret/+key' }
  const bucket = 'plimsoll-test'
  const files = new Map<string, { readonly bytes: Buffer; readonly atMs: number }>()
  const uploads = new Map<string, Upload>()
  const seen: SeenRequest[] = []
  const mishaps: Mishap[] = []
  let ids = 0

  const server = createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => response.destroy(error as Error))
  })

  async function serve (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://mock')
    const { method = '', headers: { range } } = request
    const one: SeenRequest = { method, path: url.pathname, query: url.searchParams, range }
    const at = mishaps.findIndex(({ fits }) => fits(one))
    const happens = at === -1 ? undefined : mishaps.splice(at, 1)[0]!.happens
    seen.push(one)
    if (happens === 'unread') return
    const body = await buffer(request)
    if (happens === 'hang') return
    if (happens === 'slow-down') return refuse(response, 503, 'SlowDown')
    if (happens === 'damaged') body[0]! ^= 1
    const wrong = wrongSignature(request, url, body, credentials)
    if (wrong !== undefined) return refuse(response, wrong === 'BadDigest' ? 400 : 403, wrong)
    const [, first, ...rest] = decodeURIComponent(url.pathname).split('/')
    if (first !== bucket) return refuse(response, 404, 'NoSuchBucket')
    if (happens === 'error-in-200') {
      response.end('<?xml version="1.0"?>\n <Error><Code>InternalError</Code></Error>')
      return
    }
    const change = happens === 'lost' ? lostResponse : happens === 'stall' ? stalledResponse : undefined
    answer(one, rest.join('/'), body, request, change?.(response) ?? response)
  }

  function answer (
    { method, query }: SeenRequest,
    key: string,
    body: Buffer,
    request: IncomingMessage,
    response: ServerResponse
  ): void {
    const uploadId = query.get('uploadId')
    if (key === '') {
      if (query.has('uploads')) response.end(uploadList(query.get('prefix') ?? ''))
      else response.end(fileList(query))
    } else if (query.has('uploads')) {
      const id = `upload&${++ids}`
      uploads.set(id, { key, parts: new Map(), atMs: Date.now() })
      response.end(
        `<InitiateMultipartUploadResult><UploadId>upload&amp;${ids}</UploadId></InitiateMultipartUploadResult>`
      )
    } else if (uploadId !== null) {
      const upload = uploads.get(uploadId)
      if (upload === undefined || upload.key !== key) return refuse(response, 404, 'NoSuchUpload')
      if (method === 'PUT') {
        const tag = tagOf(body)
        upload.parts.set(Number(query.get('partNumber')), { tag, bytes: body })
        response.setHeader('etag', tag).end()
      } else if (method === 'DELETE') {
        uploads.delete(uploadId)
        response.writeHead(204).end()
      } else finishUpload(uploadId, upload, body.toString(), response)
    } else if (method === 'PUT') {
      files.set(key, { bytes: body, atMs: Date.now() })
      response.setHeader('etag', tagOf(body)).end()
    } else if (method === 'DELETE') {
      files.delete(key)
      response.writeHead(204).end()
    } else sendFile(key, query, request, response)
  }

  function finishUpload (id: string, upload: Upload, xml: string, response: ServerResponse): void {
    const asked = [...xml.matchAll(/<Part><PartNumber>(\d+)<\/PartNumber><ETag>(.*?)<\/ETag><\/Part>/g)]
    const pieces = asked.map(([, number, tag]) => {
      const part = upload.parts.get(Number(number))
      return part !== undefined && part.tag === tag?.replaceAll('&quot;', '"') ? part.bytes : undefined
    })
    if (pieces.length === 0 || pieces.includes(undefined)) return refuse(response, 400, 'InvalidPart')
    if (pieces.slice(0, -1).some((piece) => piece!.length < 5 * 1024 * 1024)) {
      return refuse(response, 400, 'EntityTooSmall')
    }
    files.set(upload.key, { bytes: Buffer.concat(pieces as Buffer[]), atMs: Date.now() })
    uploads.delete(id)
    response.end('<CompleteMultipartUploadResult></CompleteMultipartUploadResult>')
  }

  function sendFile (
    key: string,
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse
  ): void {
    const file = files.get(key)
    if (file === undefined) return refuse(response, 404, 'NoSuchKey')
    for (const name of ['type', 'disposition', 'encoding']) {
      const value = query.get(`response-content-${name}`)
      if (value !== null) response.setHeader(`content-${name}`, value)
    }
    const etag = tagOf(file.bytes)
    if ((request.headers['if-match'] ?? etag) !== etag) return refuse(response, 412, 'PreconditionFailed')
    response.setHeader('etag', etag)
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
    if (from === undefined) {
      response.setHeader('content-length', file.bytes.length).end(file.bytes)
      return
    }
    if (Number(from) >= file.bytes.length) return refuse(response, 416, 'InvalidRange')
    const end = to === '' ? file.bytes.length : Math.min(file.bytes.length, Number(to) + 1)
    response.writeHead(206, { 'content-length': end - Number(from) })
    response.end(file.bytes.subarray(Number(from), end))
  }

  /** Three a page, so that a client has to ask for the next one. */
  function fileList (query: URLSearchParams): string {
    const names = [...files.keys()].filter((name) => name.startsWith(query.get('prefix') ?? '')).toSorted()
    const from = Number(query.get('continuation-token') ?? 0)
    const page = names.slice(from, from + 3).map((name) => {
      const { bytes, atMs } = files.get(name)!
      const at = new Date(atMs).toISOString()
      return `<Contents><Key>${name}</Key><LastModified>${at}</LastModified><Size>${bytes.length}</Size></Contents>`
    })
    const next = from + 3 < names.length ? `<NextContinuationToken>${from + 3}</NextContinuationToken>` : ''
    return `<?xml version="1.0"?><ListBucketResult>${page.join('')}${next}</ListBucketResult>`
  }

  function uploadList (prefix: string): string {
    const found = [...uploads].filter(([, { key }]) => key.startsWith(prefix)).map(([id, { key, atMs }]) => {
      const at = new Date(atMs).toISOString()
      const idText = id.replaceAll('&', '&amp;')
      return `<Upload><Key>${key}</Key><UploadId>${idText}</UploadId><Initiated>${at}</Initiated></Upload>`
    })
    return `<ListMultipartUploadsResult>${found.join('')}</ListMultipartUploadsResult>`
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    bucket,
    credentials,
    seen,
    uploads,
    mishaps,
    async close () {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/**
 * What is wrong with a request's signature, from its headers or its address.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function wrongSignature (
  { method, headers }: Pick<IncomingMessage, 'method' | 'headers'>,
  url: URL,
  body: Buffer,
  { accessKeyId, secretAccessKey }: S3Credentials
): string | undefined {
  const signedQuery = url.searchParams.has('X-Amz-Signature')
  const authorization = /^AWS4-HMAC-SHA256 Credential=(.*?), ?SignedHeaders=(.*?), ?Signature=(.*)$/
    .exec(headers.authorization ?? '')
  const [credential, names, signature] = signedQuery ?
    ['Credential', 'SignedHeaders', 'Signature'].map((name) => url.searchParams.get(`X-Amz-${name}`) ?? '') :
    authorization?.slice(1) ?? []
  if (credential === undefined || names === undefined || signature === undefined) return 'AccessDenied'
  const [keyId, day, region, service, end] = credential.split('/')
  if (keyId !== accessKeyId || end !== 'aws4_request') return 'InvalidAccessKeyId'
  const at = signedQuery ? url.searchParams.get('X-Amz-Date') ?? '' : String(headers['x-amz-date'])
  const bodyHash = signedQuery ? 'UNSIGNED-PAYLOAD' : String(headers['x-amz-content-sha256'])
  const query = [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
  const canonical = [
    method,
    url.pathname.split('/').map((part) => encode(decodeURIComponent(part))).join('/'),
    query.join('&'),
    ...names.split(';').map((name) => `${name}:${String(headers[name] ?? '').trim()}`),
    '',
    names,
    bodyHash,
  ].join('\n')
  const text = ['AWS4-HMAC-SHA256', at, `${day}/${region}/${service}/${end}`, sha256(canonical)].join('\n')
  const keys = [day, region, service, end].reduce<Buffer | string>(
    (key, word) => createHmac('sha256', key).update(word ?? '').digest(),
    `AWS4${secretAccessKey}`
  )
  if (createHmac('sha256', keys).update(text).digest('hex') !== signature) return 'SignatureDoesNotMatch'
  if (bodyHash !== 'UNSIGNED-PAYLOAD' && bodyHash !== sha256(body)) return 'BadDigest'
  return undefined
}

function refuse (response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`)
}

function lostResponse (response: ServerResponse): ServerResponse {
  const lose = (): ServerResponse => {
    response.destroy()
    return response
  }
  return Object.assign(response, { end: lose })
}

function stalledResponse (response: ServerResponse): ServerResponse {
  const half = (body: Buffer | string): ServerResponse => {
    const bytes = Buffer.from(body)
    if (!response.headersSent) response.setHeader('content-length', bytes.length)
    response.write(bytes.subarray(0, bytes.length / 2))
    return response
  }
  return Object.assign(response, { end: half })
}

function encode (text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`
  )
}

function sha256 (bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function tagOf (bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`
}
