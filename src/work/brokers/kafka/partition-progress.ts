/** What a consumer has of a partition, in its order; and how far all of it is done. */
export class PartitionProgress<Message> {
  readonly #open: { readonly message: Message; done: boolean }[] = []
  #last: Message | undefined

  get oldest (): Message | undefined {
    return this.#open[0]?.message
  }

  /** @returns what is called, once, when the message is done */
  hand (message: Message): () => void {
    const entry = { message, done: false }
    this.#open.push(entry)
    return () => {
      entry.done = true
      while (this.#open[0]?.done === true) this.#last = this.#open.shift()?.message
    }
  }

  /** The last message up to which all are done, if it has moved since the last call. */
  takeDone (): Message | undefined {
    const last = this.#last
    this.#last = undefined
    return last
  }
}
