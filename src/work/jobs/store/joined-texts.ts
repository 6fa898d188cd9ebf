/**
 * Texts of JSON as one, with a separator that JSON has no place for: cheaper to write and to read than an array, whose
 * elements are quoted and escaped.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7464 the separator
 */
const separator = '\x1e'
const separatorSql = `chr(${separator.charCodeAt(0)})`

export function joined (texts: readonly string[]): string {
  return texts.join(separator)
}

export function split (texts: string): string[] {
  return texts.split(separator)
}

/** An aggregate of texts of JSON, as {@link joined} of them. */
export function joinSql (text: string): string {
  return `string_agg(${text}, ${separatorSql})`
}

/** {@link joined} texts as rows. */
export function splitSql (texts: string): string {
  return `string_to_table(${texts}, ${separatorSql})`
}
