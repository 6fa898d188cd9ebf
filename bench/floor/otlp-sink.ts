import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

interface OtlpBody {
  readonly resourceSpans?: readonly {
    readonly scopeSpans?: readonly { readonly spans?: readonly { readonly traceId: string }[] }[]
  }[]
}

export interface SpanCounts {
  readonly spans: number
  readonly traces: number
}

/** A collector that counts what is sent to it and keeps nothing: OTLP over HTTP, in JSON. */
export class OtlpSink implements AsyncDisposable {
  readonly #server: http.Server = http.createServer()
  readonly #traces = new Set<string>()
  #spans = 0

  async open (): Promise<this> {
    this.#server.on('request', (request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
        this.#count(JSON.parse(Buffer.concat(parts).toString()) as OtlpBody)
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      })
    })
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  /** For the settings of the subject: the base, as in OTEL_EXPORTER_OTLP_ENDPOINT. */
  get url (): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get counts (): SpanCounts {
    return { spans: this.#spans, traces: this.#traces.size }
  }

  reset (): void {
    this.#spans = 0
    this.#traces.clear()
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #count (body: OtlpBody): void {
    const spans = (body.resourceSpans ?? []).flatMap(({ scopeSpans = [] }) => scopeSpans)
      .flatMap(({ spans = [] }) => spans)
    this.#spans += spans.length
    for (const { traceId } of spans) this.#traces.add(traceId)
  }
}
