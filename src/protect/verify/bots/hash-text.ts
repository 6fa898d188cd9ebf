/**
 * A 32-bit hash of a text under a seed: FNV-1a with the finish of MurmurHash3, so that all bits depend on all.
 * For tables; not for secrets.
 *
 * @see https://en.wikipedia.org/wiki/Fowler-Noll-Vo_hash_function
 */
export function hashText (text: string, seed: number): number {
  let hash = (seed ^ 0x811c9dc5) | 0
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
