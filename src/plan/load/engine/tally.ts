/** What became of a number of requests. */
export class Tally {
  due = 0
  answered = 0
  expected = 0
  failed = 0
  dropped = 0
  bytesSent = 0
  bytesReceived = 0

  add (other: TallyData): void {
    this.due += other.due
    this.answered += other.answered
    this.expected += other.expected
    this.failed += other.failed
    this.dropped += other.dropped
    this.bytesSent += other.bytesSent
    this.bytesReceived += other.bytesReceived
  }

  toData (): TallyData {
    return { ...this }
  }
}

/** The same as plain data. */
export interface TallyData {
  readonly due: number
  readonly answered: number
  readonly expected: number
  readonly failed: number
  readonly dropped: number
  readonly bytesSent: number
  readonly bytesReceived: number
}
