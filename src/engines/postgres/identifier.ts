/**
 * Quotes a name for SQL text, so that any name is taken literally.
 *
 * @see https://www.postgresql.org/docs/18/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
 */
export function quoteIdentifier (name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
