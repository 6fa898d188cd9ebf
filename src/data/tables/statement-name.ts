import { createHash } from 'node:crypto'

/**
 * A name for a prepared statement, by its text: of one connection, each name must mean one text, whatever schema and
 * release that is of. The same in each process, so that `pg_prepared_statements` and the server's log can be compared.
 *
 * @param part whose statement it is, e.g. `consumer_place`; at most 37 characters, since a name has 63
 */
export function statementName (part: string, text: string): string {
  return `plimsoll_${part}_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}
