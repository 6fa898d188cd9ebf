/**
 * Makes the encoded forms of answers. It does so beside the event loop: an answer is served plain until its
 * form is there.
 */
export interface Encoder {
  /** Content codings, the preferred one first, e.g. `['zstd', 'br', 'gzip']`. */
  readonly encodings: readonly string[]
  /** Whether a body is worth it: not for images, nor for what is shorter than its headers. */
  worthwhile(contentType: string | undefined, bytes: number): boolean
  encode(body: Uint8Array, encoding: string): Promise<Uint8Array>
}
