/**
 * The shard of a key, of `of`. Which hash it is does not matter, as long as all who share the work use the same one: a
 * relay keeps a probe of it beside its checkpoints.
 */
export function shardOf (key: string, of: string): string {
  return `mod(hashtextextended(${key}, 0) & 9223372036854775807, ${of}::bigint)`
}
