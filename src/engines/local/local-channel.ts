/**
 * A two-way line between one worker and the supervisor. It keeps the order of messages and may lose those
 * that were under way when one end went. What is sent is plain data that survives JSON.
 */
export interface LocalChannel {
  /** May throw when the other end is gone; the message is then lost. */
  send(message: unknown): void
  /** Set once, by the engine or the server that gets the channel. */
  onMessage(listener: (message: unknown) => void): void
  /** No message is delivered after it. */
  close(): void
}

/**
 * Both ends of a channel within one process. Messages arrive in a later microtask, as from another process.
 */
export function channelPair (): [LocalChannel, LocalChannel] {
  const left = new MemoryEnd()
  const right = new MemoryEnd()
  left.other = right
  right.other = left
  return [left, right]
}

class MemoryEnd implements LocalChannel {
  other: MemoryEnd | undefined
  #listener: ((message: unknown) => void) | undefined

  send (message: unknown): void {
    queueMicrotask(() => this.other?.deliver(message))
  }

  deliver (message: unknown): void {
    this.#listener?.(message)
  }

  onMessage (listener: (message: unknown) => void): void {
    this.#listener = listener
  }

  close (): void {
    this.#listener = undefined
  }
}
