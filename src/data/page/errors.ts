/** The rows that a page was read from cannot be paged: the statement is wrong, not the request. */
export class KeysetRowError extends Error {
  override readonly name = 'KeysetRowError'
  /** Stable over releases: match on this, not on the message. */
  readonly code = 'KEYSET_ROW'
  readonly reason: 'key-missing' | 'key-not-unique'

  constructor (list: string, reason: KeysetRowError['reason']) {
    super(
      reason === 'key-missing' ?
        `the rows of "${list}" lack the column "$key": select \`key\` of the statement beside your columns` :
        `two rows of "${list}" have the same key: name columns as \`key\` that are unique in the result of the statement`
    )
    this.reason = reason
  }
}
