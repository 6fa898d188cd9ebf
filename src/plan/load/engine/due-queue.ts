interface Entry<T> {
  readonly atMs: number
  readonly item: T
}

/** What falls due at a time of its own, the earliest first: a binary heap. */
export class DueQueue<T> {
  readonly #heap: Entry<T>[] = []

  /** `Infinity` when empty. */
  get nextMs (): number {
    return this.#heap[0]?.atMs ?? Infinity
  }

  get size (): number {
    return this.#heap.length
  }

  push (atMs: number, item: T): void {
    const heap = this.#heap
    const entry = { atMs, item }
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt]
      if (parent === undefined || parent.atMs <= atMs) break
      heap[at] = parent
      at = parentAt
    }
    heap[at] = entry
  }

  /** @returns the earliest; `undefined` when empty */
  pop (): T | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first?.item
    let at = 0
    for (;;) {
      const leftAt = 2 * at + 1
      const left = heap[leftAt]
      if (left === undefined) break
      const right = heap[leftAt + 1]
      const [childAt, child] = right !== undefined && right.atMs < left.atMs ?
        [leftAt + 1, right] :
        [leftAt, left]
      if (child.atMs >= last.atMs) break
      heap[at] = child
      at = childAt
    }
    heap[at] = last
    return first.item
  }
}
