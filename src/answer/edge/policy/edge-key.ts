import { createHash } from 'node:crypto'
import { SettingError } from '../../../kernel/index.ts'

/** How tags become the keys that a CDN knows. Headers and purges must share one, or a purge finds nothing. */
export interface EdgeKeysOptions {
  /** Put before each key, as `NAME/`, where several services share one CDN. @default none */
  readonly namespace?: string
  /**
   * What a response with more tags than a header takes is keyed by: `'fold'` keys it by 256 shared keys, and each
   * purge names the shared key of its tags too, so that it doubles; `'no-store'` keeps it out of CDNs.
   * @default 'no-store'
   */
  readonly whenTooMany?: 'no-store' | 'fold'
}

/** The bytes of a key that Fastly takes; Cloudflare's purge takes as much. */
export const maxKeyBytes = 1_024

const plain = /^[\w.~:/@+=-]+$/

/** Tags as keys: the same tag always gives the same key, and two tags never share one (but for those over 1 KiB). */
export class EdgeKeys {
  readonly fold: boolean
  readonly #prefix: string

  /** @throws SettingError */
  constructor ({ namespace, whenTooMany = 'no-store' }: EdgeKeysOptions = {}) {
    if (namespace !== undefined && !/^[\w.-]{1,64}$/.test(namespace)) {
      throw new SettingError('edge.namespace', '1 to 64 letters, digits or any of _ . -', namespace)
    }
    if (whenTooMany !== 'no-store' && whenTooMany !== 'fold') {
      throw new SettingError('edge.whenTooMany', '"no-store" or "fold"', whenTooMany)
    }
    this.fold = whenTooMany === 'fold'
    this.#prefix = namespace === undefined ? '' : `${namespace}/`
  }

  /**
   * The key of a tag. Bytes other than `A-Z a-z 0-9 _ . ~ : / @ + = -` are percent-encoded, so that no tag can end
   * a header, or add a key of its own; one longer than 1,024 bytes becomes its hash.
   */
  of (tag: string): string {
    const key = this.#prefix + (plain.test(tag) ? tag : encoded(tag))
    return key.length <= maxKeyBytes ? key : `${this.#prefix}%h${digest(tag, 32)}`
  }

  /** The keys to purge for some tags, each once. */
  toPurge (tags: readonly string[]): readonly string[] {
    const keys = new Set<string>()
    for (const tag of tags) {
      keys.add(this.of(tag))
      if (this.fold) keys.add(this.bucketOf(tag))
    }
    return [...keys]
  }

  /** The key that a tag shares with others in responses with too many tags. */
  bucketOf (tag: string): string {
    return `${this.#prefix}%b${digest(tag, 1)}`
  }
}

// `%` is only ever followed by two upper-case digits here: `%h` and `%b` stay free for hashes and buckets.
function encoded (tag: string): string {
  if (tag === '') return '%'
  let key = ''
  for (const byte of Buffer.from(tag, 'utf8')) {
    const char = String.fromCharCode(byte)
    key += plain.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return key
}

function digest (tag: string, bytes: number): string {
  return createHash('sha256').update(tag).digest().subarray(0, bytes).toString('hex')
}
