import { SettingError } from '../../../kernel/index.ts'

const part = '[A-Za-z0-9][A-Za-z0-9._-]{0,127}'
const name = new RegExp(`^${part}(?:/${part}){0,7}$`)
const prefix = new RegExp(`^(?:${part}/){0,7}(?:${part})?$`)

/**
 * Refuses names that are not words of letters, digits, `.`, `_` and `-`, joined by `/`. No word begins with a dot,
 * so that no name leads out of a directory, and none needs to be escaped in an address or in XML.
 *
 * @throws SettingError
 */
export function checkFileName (value: string): void {
  if (!name.test(value)) {
    throw new SettingError(
      'name of a file',
      'up to 8 words joined by "/", of 1 to 128 letters, digits, ".", "_" or "-", none with a sign first',
      value
    )
  }
}

/** Refuses what no {@link checkFileName name} can begin with; nothing at all stands for all names. */
export function checkPrefix (value: string): void {
  if (!prefix.test(value)) throw new SettingError('prefix of files', 'the beginning of a name', value)
}
