interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** Events by time; of two at one time, the one added first. */
export class EventHeap {
  readonly #heap: Event[] = []
  #order = 0

  firstMs (): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY
  }

  add (atMs: number, run: () => void): void {
    const event = { atMs, order: this.#order++, run }
    const heap = this.#heap
    heap.push(event)
    for (let at = heap.length - 1; at > 0;) {
      const above = (at - 1) >> 1
      if (!before(event, heap[above]!)) break
      heap[at] = heap[above]!
      heap[above] = event
      at = above
    }
  }

  runFirst (): void {
    this.#takeFirst().run()
  }

  #takeFirst (): Event {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    heap[0] = last
    for (let at = 0;;) {
      let least = at
      for (const below of [2 * at + 1, 2 * at + 2]) {
        if (below < heap.length && before(heap[below]!, heap[least]!)) least = below
      }
      if (least === at) return first
      heap[at] = heap[least]!
      heap[least] = last
      at = least
    }
  }
}

function before (one: Event, other: Event): boolean {
  return one.atMs === other.atMs ? one.order < other.order : one.atMs < other.atMs
}
