/** What a request of a journey was answered. */
export class StepResponse {
  readonly status: number
  /** By lower-case name; the values of a repeated field are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** As it came over the wire, content coding undone by nobody. */
  readonly body: Uint8Array

  constructor (status: number, headers: Readonly<Record<string, string>>, body: Uint8Array) {
    this.status = status
    this.headers = headers
    this.body = body
  }

  /** The body as UTF-8. */
  text (): string {
    return new TextDecoder().decode(this.body)
  }

  /**
   * The body as JSON, taken for a `T` without a check.
   *
   * @throws SyntaxError when it is no JSON
   */
  json<T = unknown> (): T {
    return JSON.parse(this.text()) as T
  }
}
