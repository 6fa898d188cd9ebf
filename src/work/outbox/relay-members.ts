import type { Outbox } from './open-outbox.ts'

/** A member that was not seen for so long has gone. */
const goneAfterMs = 10_000

/**
 * The processes that run one relay, so that each takes its part of the shards and no more. What keeps two from working on
 * one shard is the shard's lease, not this: a wrong count costs balance, never order.
 */
export class RelayMembers {
  readonly #outbox: Outbox
  readonly #relay: string
  readonly #member: string

  constructor (outbox: Outbox, relay: string, member: string) {
    this.#outbox = outbox
    this.#relay = relay
    this.#member = member
  }

  /** Says that this process is there. @returns how many are */
  async greet (): Promise<number> {
    const { pool, names } = this.#outbox
    const { rows: [row] } = await pool.query<{ count: number }>(
      `WITH me AS (
        INSERT INTO ${names.members} (relay, member, seen_at) VALUES ($1, $2, now())
        ON CONFLICT (relay, member) DO UPDATE SET seen_at = now()
      ), gone AS (
        DELETE FROM ${names.members} WHERE (relay, member) IN (
          SELECT relay, member FROM ${names.members}
          WHERE relay = $1 AND member <> $2 AND seen_at < now() - ${goneAfterMs} * interval '1 ms'
          FOR UPDATE SKIP LOCKED
        )
      )
      SELECT count(*)::integer AS count FROM ${names.members}
      WHERE relay = $1 AND member <> $2 AND seen_at >= now() - ${goneAfterMs} * interval '1 ms'`,
      [this.#relay, this.#member]
    )
    return (row?.count ?? 0) + 1
  }

  async leave (): Promise<void> {
    const { pool, names } = this.#outbox
    await pool.query(`DELETE FROM ${names.members} WHERE relay = $1 AND member = $2`, [
      this.#relay,
      this.#member,
    ])
  }
}
