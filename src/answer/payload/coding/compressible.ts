const applications: ReadonlySet<string> = new Set([
  'application/javascript',
  'application/json',
  'application/msgpack',
  'application/vnd.msgpack',
  'application/ndjson',
  'application/x-ndjson',
  'application/json-seq',
  'application/xml',
  'application/yaml',
  'application/sql',
  'application/wasm',
  'application/graphql',
  'application/x-www-form-urlencoded',
  'image/svg+xml',
  'font/ttf',
  'font/otf',
])

const records: ReadonlySet<string> = new Set([
  'application/ndjson',
  'application/x-ndjson',
  'application/json-seq',
  'text/event-stream',
])

export const eventStream = 'text/event-stream'

/** The media type of a `Content-Type` without its parameters, in lower case. */
export function mediaTypeOf (contentType: unknown): string {
  return typeof contentType === 'string' ? contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '' : ''
}

/** Whether compressing bodies of a type makes them smaller; what is compressed already has other types. */
export function isCompressible (mediaType: string): boolean {
  return mediaType.startsWith('text/') || applications.has(mediaType) || mediaType.endsWith('+json') ||
    mediaType.endsWith('+xml') || mediaType.endsWith('+text')
}

/** Whether each chunk of such a stream is a record that its reader waits for. */
export function isRecords (mediaType: string): boolean {
  return records.has(mediaType)
}
