/** What a load generator counted. */
export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  /** Answers with another status than 2xx or 3xx, and connections that failed. */
  readonly errors: number
  readonly requestsPerSecond: number
  /** In milliseconds; of a closed loop, so no promise about latency under open arrivals. */
  readonly p99Ms: number
}

export interface LoadOptions {
  readonly host: string
  readonly port: number
  /** `{id}` in it is replaced by a number from 1 to `ids`, another one for each request. */
  readonly path: string
  /** @default 1 */
  readonly ids?: number
  /** Sent with each request, beside its `traceparent`. @default none */
  readonly headers?: Readonly<Record<string, string>>
  readonly connections: number
  readonly seconds: number
  /** Put before the generator's command: a pinning to a core. */
  readonly prefix?: readonly string[]
}

export interface Generator {
  /** For the report: its name and version. */
  readonly text: string
  run(options: LoadOptions): Promise<LoadResult>
}
