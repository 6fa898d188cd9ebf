import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { SettingError } from '../../kernel/index.ts'
import { EventPayloadError, EventTooLargeError, EventUnreadableError, EventVersionError } from './errors.ts'
import type { EventMessage } from './event-message.ts'

/** Makes of a payload of one version one of the next. Pure: it is run at each reading. */
export type Upcaster = (payload: never) => unknown

export interface PayloadFormOptions<Schema extends TSchema> {
  readonly type: string
  readonly version: number
  readonly schema: Schema
  readonly upcasters: Readonly<Record<number, Upcaster>>
  readonly maxBytes: number
}

/** How many faults a message names. */
const faultsNamed = 5

/** Writes payloads of the newest version, and reads those of all that can be brought to it. */
export class PayloadForm<Schema extends TSchema> {
  readonly #type: string
  readonly #version: number
  readonly #maxBytes: number
  readonly #validator: Validator<Record<never, never>, Schema>
  /** From the oldest version on, without a gap. */
  readonly #upcasters: readonly Upcaster[]

  constructor ({ type, version, schema, upcasters, maxBytes }: PayloadFormOptions<Schema>) {
    this.#type = type
    this.#version = version
    this.#maxBytes = maxBytes
    this.#validator = Compile(schema)
    this.#upcasters = inOrder(type, version, upcasters)
  }

  get oldest (): number {
    return this.#version - this.#upcasters.length
  }

  /**
   * @returns JSON
   * @throws EventPayloadError, EventTooLargeError
   */
  write (payload: unknown): string {
    if (!this.#validator.Check(payload)) throw new EventPayloadError(this.#type, this.#faults(payload))
    // A schema may take `undefined`, which JSON has no text for.
    const text = JSON.stringify(payload) ?? 'null'
    if (text.length * 3 > this.#maxBytes) {
      const bytes = Buffer.byteLength(text)
      if (bytes > this.#maxBytes) throw new EventTooLargeError(this.#type, bytes, this.#maxBytes)
    }
    return text
  }

  /** @throws EventVersionError, EventUnreadableError */
  read (message: Pick<EventMessage, 'type' | 'id' | 'version' | 'payload'>): Static<Schema> {
    const { version } = message
    if (!(Number.isInteger(version) && version >= this.oldest && version <= this.#version))
      throw new EventVersionError(message, this.oldest, this.#version)
    let payload: unknown
    try {
      payload = JSON.parse(message.payload)
    } catch (error) {
      throw new EventUnreadableError(message, 'json', 'its payload is no JSON', error)
    }
    for (let at = version; at < this.#version; at++) {
      try {
        payload = this.#upcasters[at - this.oldest]!(payload as never)
      } catch (error) {
        throw new EventUnreadableError(message, 'upcaster', `the upcaster from version ${at} failed`, error)
      }
    }
    if (this.#validator.Check(payload)) return payload as Static<Schema>
    throw new EventUnreadableError(message, 'schema', this.#faults(payload).join('; '))
  }

  #faults (payload: unknown): string[] {
    return this.#validator.Errors(payload).slice(0, faultsNamed)
      .map(({ instancePath, message }) => `${instancePath === '' ? 'it' : instancePath} ${message}`)
  }
}

function inOrder (
  type: string,
  version: number,
  upcasters: Readonly<Record<number, Upcaster>>
): readonly Upcaster[] {
  const versions = Object.keys(upcasters).map(Number).toSorted((a, b) => a - b)
  const [oldest = version] = versions
  const isWhole = oldest >= 1 && versions.length === version - oldest &&
    versions.every((from, at) => from === oldest + at && typeof upcasters[from] === 'function')
  if (!isWhole) {
    throw new SettingError(
      `event ${type}: upcasters`,
      `one function for each version from the oldest that is read up to ${version - 1}`,
      versions
    )
  }
  return versions.map((from) => upcasters[from]!)
}
