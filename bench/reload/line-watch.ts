/** Waits for lines that a server prints. */
export class LineWatch {
  readonly #waiting = new Set<(line: string) => void>()

  /** Takes each line of the server. */
  readonly take = (line: string): void => {
    for (const look of this.#waiting) look(line)
  }

  /** The next line that matches; ask before you cause it. */
  async next (pattern: RegExp, timeoutMs: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const timer = setTimeout(() => reject(new Error(`no line ${pattern} within ${timeoutMs} ms`)), timeoutMs)
    const look = (line: string): void => {
      if (pattern.test(line)) resolve(line)
    }
    this.#waiting.add(look)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(look)
    }
  }
}
