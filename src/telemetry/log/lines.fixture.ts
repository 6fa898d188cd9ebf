/** A destination that keeps what is written. */
export interface Lines {
  readonly text: () => string
  /** Each line as the object that it holds. */
  readonly objects: () => Record<string, unknown>[]
  write(line: string): void
  readonly isTTY?: boolean
}

export function keptLines (isTTY = false): Lines {
  const written: string[] = []
  return {
    isTTY,
    text: () => written.join(''),
    objects: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
    write: (line) => void written.push(line),
  }
}
