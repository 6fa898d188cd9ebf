import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { JobPayloadError, JobPayloadTooLargeError, JobPayloadUnreadableError } from './errors.ts'

/** How many faults a message names. */
const faultsNamed = 5

/** PostgreSQL's jsonb takes neither NUL nor halves of surrogate pairs, and JSON.stringify writes these escaped. */
const unstorable = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/

/** Writes and reads the payloads of one job. */
export class PayloadForm<Schema extends TSchema> {
  readonly #job: string
  readonly #maxBytes: number
  readonly #validator: Validator<Record<never, never>, Schema>

  constructor (job: string, schema: Schema, maxBytes: number) {
    this.#job = job
    this.#maxBytes = maxBytes
    this.#validator = Compile(schema)
  }

  /**
   * @returns JSON
   * @throws JobPayloadError, JobPayloadTooLargeError
   */
  write (input: unknown): string {
    if (!this.#validator.Check(input)) throw new JobPayloadError(this.#job, this.#faults(input))
    // A schema may take `undefined`, which JSON has no text for.
    const text = JSON.stringify(input) ?? 'null'
    if (text.includes('\\u') && unstorable.test(text))
      throw new JobPayloadError(this.#job, ['a text holds NUL or half of a surrogate pair'])
    if (text.length * 3 > this.#maxBytes) this.#checkBytes(text)
    return text
  }

  /** @throws JobPayloadUnreadableError */
  read (text: string): Static<Schema> {
    const input: unknown = JSON.parse(text)
    if (this.#validator.Check(input)) return input as Static<Schema>
    throw new JobPayloadUnreadableError(this.#job, this.#faults(input))
  }

  #checkBytes (text: string): void {
    const bytes = Buffer.byteLength(text)
    if (bytes > this.#maxBytes) throw new JobPayloadTooLargeError(this.#job, bytes, this.#maxBytes)
  }

  #faults (input: unknown): string[] {
    return this.#validator.Errors(input).slice(0, faultsNamed)
      .map(({ instancePath, message }) => `${instancePath === '' ? 'it' : instancePath} ${message}`)
  }
}
