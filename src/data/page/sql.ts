/**
 * A piece of SQL with the values it binds, to be put into a statement of your own: as text with numbered
 * placeholders, or through the `sql` tag of a query builder, whose arguments `strings` and `values` are.
 */
export interface SqlFragment {
  /** The text between the values: one more than there are values. */
  readonly strings: TemplateStringsArray
  readonly values: readonly unknown[]
  /** The text with placeholders `$n`. @param firstParameter the number of the first one. @default 1 */
  text(firstParameter?: number): string
}

class Fragment implements SqlFragment {
  readonly strings: TemplateStringsArray
  readonly values: readonly unknown[]

  constructor (strings: readonly string[], values: readonly unknown[]) {
    this.strings = Object.assign([...strings], { raw: strings })
    this.values = values
  }

  text (firstParameter: number = 1): string {
    const { strings } = this
    let text = strings[0] ?? ''
    for (let at = 1; at < strings.length; at++) text += `$${firstParameter + at - 1}${strings[at]}`
    return text
  }
}

/**
 * Makes a fragment: ``sql`price_cents < ${limit} and ${other}` `` binds `limit`, and takes `other` in when it is a
 * fragment itself. Whatever is not a fragment is a value, never text.
 */
export function sql (strings: TemplateStringsArray, ...parts: readonly unknown[]): SqlFragment {
  const texts = [strings[0] ?? '']
  const values: unknown[] = []
  for (const [at, part] of parts.entries()) {
    const following = strings[at + 1] ?? ''
    if (part instanceof Fragment) {
      texts[texts.length - 1] += part.strings[0] ?? ''
      texts.push(...part.strings.slice(1))
      values.push(...part.values)
      texts[texts.length - 1] += following
    } else {
      values.push(part)
      texts.push(following)
    }
  }
  return new Fragment(texts, values)
}

/** Text as it is, without values. It comes from your code, never from a client. */
export function rawSql (text: string): SqlFragment {
  return new Fragment([text], [])
}

/** The fragments, one after another, with `separator` between them. */
export function joinSql (fragments: readonly SqlFragment[], separator: string): SqlFragment {
  const texts = ['']
  const values: unknown[] = []
  for (const [at, { strings, values: bound }] of fragments.entries()) {
    texts[texts.length - 1] += `${at === 0 ? '' : separator}${strings[0] ?? ''}`
    texts.push(...strings.slice(1))
    values.push(...bound)
  }
  return new Fragment(texts, values)
}
