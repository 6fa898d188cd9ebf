import type { Coding } from './coding.ts'

/**
 * The tag of a compressed variant. A strong tag promises the same bytes, so that it names coding and level too;
 * a weak one stays as it is.
 *
 * @param level `undefined` for a stream, whose bytes depend on how it was cut: its tag becomes weak
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3
 */
export function variantTag (tag: string, coding: Coding, level: number | undefined): string {
  if (!tag.startsWith('"') || !tag.endsWith('"') || tag.length < 2) return tag
  return level === undefined ? `W/${tag}` : `${tag.slice(0, -1)}-${coding}${level}"`
}

const suffix = /-(?:gzip|br|zstd)\d{1,2}"$/

/**
 * The tag of the plain body that {@link variantTag} was made from: for comparing an `If-None-Match`, which a
 * client sends with the tag of the variant that it has.
 */
export function plainTag (tag: string): string {
  return tag.replace(suffix, '"')
}
