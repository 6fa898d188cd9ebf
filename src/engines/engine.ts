/**
 * Something outside the process that a service stands on: a database, a cache, a broker. An engine connects,
 * tells whether it is up, and closes. On purpose it holds no policy: no retries, no caching, no routing.
 */
export interface Engine<Client> extends AsyncDisposable {
  /** For health reports and errors, e.g. `postgres`. */
  readonly name: string

  /**
   * Reaches the engine once; further calls, concurrent ones included, get the same client. After a failure
   * the next call tries anew.
   *
   * @throws EngineUnavailableError when it cannot be reached within the engine's connect timeout
   * @throws EngineClosedError after `close()`
   */
  connect(): Promise<Client>

  /**
   * Resolves when the engine answers now. For health checks, after `connect()`; it does not wait behind the
   * service's own work, so that a busy service does not look like a broken dependency.
   *
   * @param signal ends the wait; the check then rejects as if the engine were down
   * @throws EngineUnavailableError when it does not answer
   * @throws EngineClosedError after `close()`
   */
  check(signal: AbortSignal): Promise<void>

  /** Frees what this engine opened, and only that. A second call awaits the first. */
  close(): Promise<void>
}
