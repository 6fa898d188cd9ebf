import type { Random } from './random.ts'

/**
 * Makes ids that are unique over processes and cheap to make: 10 random base-36 characters for the
 * process, then a counter. They sort by nothing and promise nothing but being different.
 */
export function idSource (random: Random): () => string {
  const prefix = Array.from({ length: 10 }, () => Math.floor(random() * 36).toString(36)).join('') + '-'
  let count = 0
  return () => prefix + (count++).toString(36)
}
