/** Whether a path can be one of a cached route's, by the patterns of those routes; in doubt it can. */
export class WrittenPaths {
  readonly #patterns: RegExp[] = []
  #isOpen = false

  /** @param pattern as the router reads it: `/products/:id`, `/files/*` */
  add (pattern: string): void {
    // Regular expressions and several parameters in one segment are for the router to read.
    if (/[()?{}]|:\w+[-.:]/.test(pattern)) {
      this.#isOpen = true
      return
    }
    const source = pattern.split('/').map((segment) =>
      segment.startsWith(':') ? '[^/]+' : segment.split('*').map(escaped).join('.*')
    ).join('/')
    this.#patterns.push(new RegExp(`^${source}/?$`, 'i'))
  }

  has (url: string): boolean {
    const queryAt = url.indexOf('?')
    const path = queryAt < 0 ? url : url.slice(0, queryAt)
    return this.#isOpen || this.#patterns.some((pattern) => pattern.test(path))
  }
}

function escaped (text: string): string {
  return text.replaceAll(/[\\^$.|?*+()[\]{}]/g, '\\$&')
}
