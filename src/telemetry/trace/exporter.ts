import type { FinishedSpan } from './span.ts'

/** Where finished spans go. */
export interface SpanExporter {
  /**
   * Sends a batch; resolves when it has arrived. The tracer never calls it twice at a time.
   *
   * @param signal aborts when nobody waits for the batch any more
   * @throws SpanExportError when all or some of it is lost
   */
  export(spans: readonly FinishedSpan[], signal?: AbortSignal): Promise<void>
  /** Frees what the exporter opened; a second call does nothing. */
  close(): Promise<void>
}

/** Spans did not reach the collector. The tracer counts it; nothing else comes of it. */
export class SpanExportError extends Error {
  override readonly name = 'SpanExportError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'SPAN_EXPORT_FAILED'
  /** How many spans of the batch are lost. */
  readonly lost: number

  constructor (reason: string, lost: number, cause?: unknown) {
    super(`${lost} spans did not reach the collector: ${reason}`, cause === undefined ? undefined : { cause })
    this.lost = lost
  }
}
