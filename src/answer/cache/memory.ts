import { SettingError } from '../../kernel/index.ts'

/** Something with a key that takes room in memory. It can be in one {@link BoundedMemory} at a time. */
export class MemoryNode {
  readonly key: string
  /** What it takes, all counted. */
  bytes: number
  /** Reads since it came in, or since it was last spared; at most 3. */
  uses = 0
  queue: Queue | undefined
  older: MemoryNode | undefined
  newer: MemoryNode | undefined
  /** There where the node is also found by another way than its key: closes that way. Called when it leaves memory. */
  shortcut: (() => void) | undefined

  constructor (key: string, bytes: number) {
    this.key = key
    this.bytes = bytes
    this.queue = undefined
    this.older = undefined
    this.newer = undefined
    this.shortcut = undefined
  }
}

/** First in, first out. */
class Queue {
  bytes = 0
  #oldest: MemoryNode | undefined
  #newest: MemoryNode | undefined

  get oldest (): MemoryNode | undefined {
    return this.#oldest
  }

  add (node: MemoryNode): void {
    node.queue = this
    node.older = this.#newest
    node.newer = undefined
    if (this.#newest === undefined) this.#oldest = node
    else this.#newest.newer = node
    this.#newest = node
    this.bytes += node.bytes
  }

  remove (node: MemoryNode): void {
    if (node.older === undefined) this.#oldest = node.newer
    else node.older.newer = node.newer
    if (node.newer === undefined) this.#newest = node.older
    else node.newer.older = node.older
    node.queue = node.older = node.newer = undefined
    this.bytes -= node.bytes
  }
}

const newcomersShare = 0.1
const mostUses = 3

/**
 * Memory bounded in bytes, by S3-FIFO: newcomers live in a tenth of the room, and only those that are read
 * again before they fall out of it move to the rest; those that come back soon after they fell out move there
 * at once. So a scan, whose keys are read once, passes through that tenth. A read writes one small number;
 * everything is O(1).
 *
 * @see https://dl.acm.org/doi/10.1145/3600006.3613147 FIFO queues are all you need for cache eviction (SOSP
 *   2023)
 */
export class BoundedMemory<Node extends MemoryNode> {
  readonly maxBytes: number
  readonly #nodes: Map<string, Node> = new Map()
  readonly #newcomers = new Queue()
  readonly #residents = new Queue()
  /** Hashes of keys that fell out as newcomers, the oldest first; never more than there are nodes. */
  readonly #fallen: Set<number> = new Set()
  readonly #evicted: (node: Node) => void
  #sweep: Iterator<Node>

  /**
   * @param maxBytes above 0
   * @param evicted hears of each node that leaves for room
   */
  constructor (maxBytes: number, evicted: (node: Node) => void = () => {}) {
    if (!(maxBytes > 0)) throw new SettingError('cache.memory', 'above 0', maxBytes)
    this.maxBytes = maxBytes
    this.#evicted = evicted
    this.#sweep = this.#nodes.values()
  }

  get size (): number {
    return this.#nodes.size
  }

  get bytes (): number {
    return this.#newcomers.bytes + this.#residents.bytes
  }

  get (key: string): Node | undefined {
    const node = this.#nodes.get(key)
    if (node !== undefined) this.use(node)
    return node
  }

  /** Counts a read of a node that was found by another way than its key. */
  use (node: Node): void {
    if (node.uses < mostUses) node.uses++
  }

  /** Puts a node in place of what has its key. One that is larger than all memory is not kept. */
  set (node: Node): void {
    const known = this.#nodes.get(node.key)
    const { queue } = known ?? {}
    if (known !== undefined) this.delete(known)
    if (node.bytes > this.maxBytes) return
    const hash = hashOf(node.key)
    const isResident = queue === this.#residents || this.#fallen.delete(hash)
    // Being made anew is no use, and takes none away.
    node.uses = known?.uses ?? 0
    this.#nodes.set(node.key, node)
    const into = isResident ? this.#residents : this.#newcomers
    into.add(node)
    this.#makeRoom()
  }

  /** Counts more bytes for a node, if it is still here. */
  grow (node: Node, bytes: number): void {
    const { queue } = node
    node.bytes += bytes
    if (queue === undefined) return
    queue.bytes += bytes
    this.#makeRoom()
  }

  delete (node: Node): void {
    if (this.#nodes.get(node.key) !== node) return
    this.#nodes.delete(node.key)
    node.queue?.remove(node)
    node.shortcut?.()
    node.shortcut = undefined
  }

  /** Looks at up to `most` nodes, those next in line, and drops those of which `isDead` says so. */
  sweep (most: number, isDead: (node: Node) => boolean): void {
    for (let looked = 0; looked < most; looked++) {
      const { value, done } = this.#sweep.next()
      if (done === true) {
        this.#sweep = this.#nodes.values()
        return
      }
      if (isDead(value)) this.delete(value)
    }
  }

  #makeRoom (): void {
    while (this.bytes > this.maxBytes) {
      const fromNewcomers = this.#newcomers.bytes > this.maxBytes * newcomersShare ||
        this.#residents.oldest === undefined
      if (fromNewcomers) this.#evictNewcomer()
      else this.#evictResident()
    }
  }

  #evictNewcomer (): void {
    const node = this.#newcomers.oldest as Node
    if (node.uses > 0) {
      this.#newcomers.remove(node)
      node.uses = 0
      this.#residents.add(node)
      return
    }
    this.#evict(node)
    this.#fallen.add(hashOf(node.key))
    if (this.#fallen.size <= this.#nodes.size) return
    for (const oldest of this.#fallen) {
      this.#fallen.delete(oldest)
      return
    }
  }

  #evictResident (): void {
    const node = this.#residents.oldest as Node
    if (node.uses === 0) return this.#evict(node)
    node.uses--
    this.#residents.remove(node)
    this.#residents.add(node)
  }

  #evict (node: Node): void {
    this.delete(node)
    this.#evicted(node)
  }
}

/** FNV-1a over UTF-16 units. A collision costs at most a place among the residents. */
function hashOf (key: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return hash | 0
}
