import type { RawQuery } from './resource-query.ts'

/**
 * The neighbours of a page as links that hold nothing but a query, so that they are right behind any proxy: a
 * reference without a path is resolved against the URL that was asked for.
 *
 * @returns undefined when there are none
 * @see https://www.rfc-editor.org/rfc/rfc8288 Web Linking
 * @see https://www.rfc-editor.org/rfc/rfc3986#section-5.2.2 references without a path
 */
export function linkHeader (
  query: RawQuery,
  { next, previous }: { readonly next: string | null; readonly previous: string | null }
): string | undefined {
  const links = [linkTo(query, 'prev', previous), linkTo(query, 'next', next)]
  const given = links.filter((link) => link !== undefined)
  return given.length === 0 ? undefined : given.join(', ')
}

function linkTo (query: RawQuery, relation: string, cursor: string | null): string | undefined {
  if (cursor === null) return undefined
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (name === 'cursor') continue
    for (const each of typeof value === 'string' ? [value] : value) parameters.append(name, each)
  }
  parameters.append('cursor', cursor)
  return `<?${parameters.toString()}>; rel="${relation}"`
}
