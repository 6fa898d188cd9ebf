/** A route's hooks of one kind, which Fastify takes one by one or as a list. */
export function listOf<Hook> (hooks: Hook | Hook[] | undefined): Hook[] {
  if (hooks === undefined) return []
  return Array.isArray(hooks) ? hooks : [hooks]
}
