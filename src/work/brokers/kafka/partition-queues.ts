import type { KafkaPlace } from './kafka-producer.ts'

/**
 * Work on partitions, of each partition one after another: two batches under way at once would be out of order as soon
 * as the first one failed.
 */
export class PartitionQueues {
  readonly #last = new Map<string, Promise<void>>()

  /** Rejects as the work does; what comes behind it runs all the same. */
  async run ({ topic, partition }: KafkaPlace, work: () => Promise<void>): Promise<void> {
    const name = `${topic}/${partition}`
    const before = this.#last.get(name) ?? Promise.resolve()
    const own = before.then(work)
    const settled = own.catch(() => {})
    this.#last.set(name, settled)
    try {
      await own
    } finally {
      if (this.#last.get(name) === settled) this.#last.delete(name)
    }
  }
}
