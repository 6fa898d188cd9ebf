/** How fast a count rises, over about the last `windowMs`: smooth, and soon right after a change. */
export class FlowRate {
  readonly #windowMs: number
  #perSecond: number | undefined
  #last: { readonly atMs: number; readonly total: number } | undefined

  /** @param windowMs what is so old counts about a third as much */
  constructor (windowMs: number) {
    this.#windowMs = windowMs
  }

  /** A second; `undefined` before the second reading. */
  get perSecond (): number | undefined {
    return this.#perSecond
  }

  /** @param total a count that may also fall: who had counted has gone; that interval says nothing then */
  note (total: number, atMs: number): void {
    const last = this.#last
    this.#last = { atMs, total }
    if (last === undefined || atMs <= last.atMs || total < last.total) return
    const elapsedMs = atMs - last.atMs
    const now = (total - last.total) / elapsedMs * 1_000
    const share = this.#perSecond === undefined ? 1 : 1 - Math.exp(-elapsedMs / this.#windowMs)
    this.#perSecond = (this.#perSecond ?? 0) * (1 - share) + now * share
  }
}
