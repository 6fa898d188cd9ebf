import { SettingError } from '../../kernel/index.ts'
import type { CachePolicy } from './policy.ts'

/** The tags of an answer, from what is known of its request. */
export type TagsOf<Request> = (source: Request, params: unknown) => readonly unknown[]

const mostTags = 256
const longestTag = 1_024
const placeholder = /\{([^{}]*)\}/g

/**
 * Makes the function that names an answer's tags.
 *
 * @throws SettingError for a name that no purge could ask for: with a parameter that the path does not have,
 *   say
 */
export function compileTags<Request> (
  tags: NonNullable<CachePolicy<Request>['tags']>,
  pattern: string,
  setting: string
): TagsOf<Request> {
  if (typeof tags === 'function') return (source) => tags(source)
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string'))
    throw new SettingError(setting, 'a list of texts, or a function', tags)
  if (tags.length > mostTags) throw new SettingError(setting, `at most ${mostTags}`, tags.length)
  const params = new Set([...pattern.matchAll(/:(\w+)|(\*)/g)].map(([, name]) => name ?? '*'))
  const makers = (tags as readonly string[]).map((tag) => compileTag(tag, params, setting))
  if (makers.every((make) => typeof make === 'string')) return () => makers
  return (_source, given) => makers.map((make) => typeof make === 'string' ? make : make(given))
}

function compileTag (
  tag: string,
  params: ReadonlySet<string>,
  setting: string
): string | ((params: unknown) => string) {
  if (tag === '' || tag.length > longestTag)
    throw new SettingError(setting, `1 to ${longestTag} characters each`, tag)
  const pieces = tag.split(placeholder)
  // Spaces and commas separate tags in the headers of the CDNs.
  const isPlain = pieces.every((piece, index) => index % 2 === 1 || /^[!-+\--~]*$/.test(piece)) &&
    !/[{}]/.test(pieces.filter((_, index) => index % 2 === 0).join(''))
  if (!isPlain) throw new SettingError(setting, 'printable ASCII without spaces and commas', tag)
  if (pieces.length === 1) return tag
  const unknown = pieces.find((piece, index) => index % 2 === 1 && !params.has(piece))
  if (unknown !== undefined) {
    const known = [...params].map((name) => `{${name}}`).join(', ')
    throw new SettingError(
      setting,
      known === '' ? 'without {...}, as the path has no parameters' : `with ${known} only`,
      tag
    )
  }
  return (given) => {
    const values = given as Readonly<Record<string, unknown>>
    return pieces.map((piece, index) => index % 2 === 0 ? piece : String(values[piece] ?? '')).join('')
  }
}

/** @returns the tags without repetitions, or undefined when they cannot all be kept */
export function checkTags (tags: readonly unknown[]): readonly string[] | undefined {
  if (tags.length > mostTags) return undefined
  const isSound = (tag: unknown): boolean =>
    typeof tag === 'string' && tag !== '' && tag.length <= longestTag && !/[^ -\uffff]|\x7f/.test(tag)
  return tags.every(isSound) ? [...new Set(tags as readonly string[])] : undefined
}
