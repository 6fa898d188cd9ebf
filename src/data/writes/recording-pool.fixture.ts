import type { Pool } from 'pg'

/** A pool that takes every statement and keeps nothing: for tests whose subject is when a batch is applied. */
export function recordingPool (): {
  readonly pool: Pool
  readonly statements: string[]
  failNext(text: string): void
} {
  const statements: string[] = []
  let failing: string | undefined
  const client = {
    on () {},
    off () {},
    release () {},
    async query (text: string) {
      statements.push(text)
      if (text !== failing) return { rows: [] }
      failing = undefined
      throw new Error(`${text} failed`)
    },
  }
  return {
    pool: { connect: async () => client } as unknown as Pool,
    statements,
    failNext (text) {
      failing = text
    },
  }
}
