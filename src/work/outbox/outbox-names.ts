import { statementName } from '../../data/index.ts'
import { quoteIdentifier } from '../../engines/index.ts'

/** The outbox's tables in one schema, quoted, and names for the statements about them. */
export interface OutboxNames {
  readonly log: string
  readonly state: string
  readonly segments: string
  readonly readers: string
  readonly parked: string
  readonly relays: string
  readonly members: string
  /** The function that reads the log. */
  readonly read: string
  /** The partition that is written in turn `at`. */
  segment(at: number): string
  /** The name of a prepared statement; of one connection, each must mean one text. */
  statement(text: string): string
}

/** @param schema where the tables are; `undefined`: the first of the search path that has them */
export function outboxNames (schema: string | undefined): OutboxNames {
  const quoted = (table: string): string =>
    schema === undefined ? quoteIdentifier(table) : `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`
  const statements = new Map<string, string>()
  return {
    log: quoted('plimsoll_outbox'),
    state: quoted('plimsoll_outbox_state'),
    segments: quoted('plimsoll_outbox_segment'),
    readers: quoted('plimsoll_outbox_reader'),
    parked: quoted('plimsoll_outbox_parked'),
    relays: quoted('plimsoll_outbox_relay'),
    members: quoted('plimsoll_outbox_member'),
    read: quoted('plimsoll_outbox_read'),
    segment: (at) => quoted(`plimsoll_outbox_${at}`),
    statement (text) {
      let name = statements.get(text)
      if (name === undefined) {
        name = statementName('outbox', text)
        statements.set(text, name)
      }
      return name
    },
  }
}
