import Negotiator from 'negotiator'
import { SettingError } from '../../../kernel/index.ts'
import { RecentMap } from '../recent-map.ts'

/** What a route answers in: JSON, MessagePack, or a media type that its handler writes itself, e.g. `text/csv`. */
export type Format = 'json' | 'msgpack' | `${string}/${string}`

/** What was chosen for a request. */
export interface ChosenFormat {
  readonly format: Format
  /** As the client calls it, e.g. `application/vnd.msgpack`. */
  readonly mediaType: string
}

/** The registered name, and those from before it was. */
export const messagePackTypes: readonly string[] = [
  'application/vnd.msgpack',
  'application/msgpack',
  'application/x-msgpack',
]

export const jsonType = 'application/json'

const mediaType = /^[\w!#$&^.+-]{1,64}\/[\w!#$&^.+-]{1,64}$/

/** Longer ones are read each time, so that nobody fills memory with them. */
const longestRemembered = 256

/** Chooses what to answer in by `Accept`, for the routes that offer the same formats. */
export class FormatChooser {
  /** Media types that are offered, the preferred first. */
  readonly offered: readonly string[]
  readonly #formatOf = new Map<string, ChosenFormat>()
  readonly #first: ChosenFormat
  readonly #known = new RecentMap<ChosenFormat | 'none'>(256)

  /**
   * @param formats the preferred first
   * @param setting names the setting in the error
   * @throws SettingError
   */
  constructor (formats: readonly Format[], setting: string) {
    for (const format of formats) {
      for (const type of typesOf(format, setting)) this.#formatOf.set(type, { format, mediaType: type })
    }
    this.offered = [...this.#formatOf.keys()]
    const [first] = this.#formatOf.values()
    if (first === undefined) throw new SettingError(setting, 'a list of at least one format', formats)
    this.#first = first
  }

  /**
   * Without the header, and for "anything", it is the first that is offered.
   *
   * @returns `undefined` when nothing that is offered is acceptable
   * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
   */
  choose (accept: string | undefined): ChosenFormat | undefined {
    if (accept === undefined || accept === '' || accept === '*/*') return this.#first
    const known = this.#known.get(accept)
    if (known !== undefined) return known === 'none' ? undefined : known
    const chosen = this.#read(accept) ?? this.#read(withoutParameters(accept))
    if (accept.length <= longestRemembered) this.#known.set(accept, chosen ?? 'none')
    return chosen
  }

  #read (accept: string): ChosenFormat | undefined {
    const type = new Negotiator({ headers: { accept } }).mediaType(this.offered)
    return type === undefined ? undefined : this.#formatOf.get(type)
  }
}

function typesOf (format: Format, setting: string): readonly string[] {
  if (format === 'json') return [jsonType]
  if (format === 'msgpack') return messagePackTypes
  if (typeof format === 'string' && mediaType.test(format)) return [format]
  throw new SettingError(setting, "'json', 'msgpack' or media types such as 'text/csv'", format)
}

/** `application/json; charset=utf-8` asks for what is offered as `application/json`; the weights stay. */
function withoutParameters (accept: string): string {
  return accept.replaceAll(/;\s*(?!q\s*=)[^,;]*/gi, '')
}
