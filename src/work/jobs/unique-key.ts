import { parseDuration, SettingError } from '../../kernel/index.ts'
import type { UniqueKey } from './job-options.ts'

/** @throws SettingError for a key that is empty or longer than 200, or a window of less than 1 ms */
export function checkUnique (given: string | UniqueKey, setting: string): UniqueKey {
  const unique = typeof given === 'string' ? { key: given } : given
  if (typeof unique.key !== 'string' || unique.key === '' || unique.key.length > 200)
    throw new SettingError(setting, 'a key of 1 to 200 characters', unique.key)
  if (unique.for !== undefined && !(parseDuration(unique.for, `${setting}.for`) >= 1))
    throw new SettingError(`${setting}.for`, 'at least 1 ms', unique.for)
  return unique
}
