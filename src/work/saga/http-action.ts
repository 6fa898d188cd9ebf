import {
  currentContext,
  DeadlineExceededError,
  deadlineHeader,
  formatTraceparent,
  writeDeadlineHeader,
} from '../../kernel/index.ts'
import type { RunOutcome, SagaData } from './machine/index.ts'
import type { Patch } from './patch.ts'
import type { StepRun } from './step-run.ts'

/** A request to send. */
export interface StepRequest {
  readonly url: string | URL
  /** @default 'POST'; of `ask` 'GET' */
  readonly method?: string
  /** Beside what every request carries: `idempotency-key`, `plimsoll-timeout-ms`, `traceparent`, `content-type`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. @default no body */
  readonly body?: unknown
}

/** An answer, read to its end. */
export interface StepResponse {
  readonly status: number
  readonly headers: Headers
  /** Parsed, when it is JSON; else its text. */
  readonly body: unknown
}

/** What an answer says of the effect. */
export type StepVerdict = 'done' | 'refused' | 'later' | 'unknown'

export interface HttpAction<Data, Extra = unknown> {
  readonly request: (data: Data, run: StepRun & Extra) => StepRequest
  /** @returns what to keep of an answer that says `done` */
  readonly take?: (response: StepResponse, data: Data) => Patch<Data>
  /**
   * What an answer says; `undefined` for the usual: 2xx `done`; 409 with Retry-After, 425 and 429 `later`; 408 and 5xx
   * `unknown`; all others `refused`.
   */
  readonly judge?: (response: StepResponse) => StepVerdict | undefined
  /**
   * Whether the service knows requests by their `Idempotency-Key`, so that the same request may be sent again when its
   * outcome is unknown. Without it such a request is sent once. @default true
   */
  readonly keyed?: boolean
  /**
   * Finds out what became of a request of unknown outcome, for a service that has a way to look: 2xx says that it has
   * happened, 404 that it has not. @default the same request again, with the same key
   */
  readonly ask?: (data: Data, run: StepRun & Extra) => StepRequest
}

/** The most that is read of an answer. */
const maximumBytes = 1024 * 1024

/**
 * Sends the request of a step. It never follows a redirect: it would change what the request means.
 *
 * @param isAsking whether to send `ask` in place of the request
 */
export async function runHttp (
  action: HttpAction<SagaData>,
  data: SagaData,
  run: StepRun,
  isAsking: boolean,
  send: typeof fetch
): Promise<RunOutcome> {
  const asks = isAsking && action.ask !== undefined
  let request: StepRequest
  try {
    request = asks ? action.ask(data, run) : action.request(data, run)
  } catch (error) {
    return unaskable(error)
  }
  let response: StepResponse
  try {
    response = await exchange(request, asks ? 'GET' : 'POST', run, send)
  } catch (error) {
    return failureOf(error)
  }
  const verdict = action.judge?.(response) ??
    (asks && response.status === 404 ? 'refused' : usualVerdict(response))
  if (verdict === 'done')
    return { kind: 'done', patch: action.take?.(response, data) as SagaData | undefined }
  const said = problemOf(response)
  return {
    kind: 'failed',
    failure: { code: said.code ?? `HTTP_${response.status}`, message: said.message },
    effect: verdict === 'later' ? 'none' : verdict,
    retryable: verdict !== 'refused',
    retryAfterMs: retryAfterMs(response),
  }
}

async function exchange (
  { url, method, headers = {}, body }: StepRequest,
  usualMethod: string,
  { key, signal }: StepRun,
  send: typeof fetch
): Promise<StepResponse> {
  signal.throwIfAborted()
  const sent = new Headers({
    // A string of RFC 8941, as the draft of the header asks.
    'idempotency-key': JSON.stringify(key),
    ...contextHeaders(),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  })
  for (const [name, value] of Object.entries(headers)) sent.set(name, value)
  const response = await send(url, {
    method: method ?? usualMethod,
    redirect: 'manual',
    signal,
    headers: sent,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, headers: response.headers, body: await readBody(response) }
}

function contextHeaders (): Record<string, string> {
  const context = currentContext()
  if (context === undefined) return {}
  const timeout = writeDeadlineHeader(context.deadline)
  const { state } = context.trace
  return {
    ...(timeout === undefined ? {} : { [deadlineHeader]: timeout }),
    traceparent: formatTraceparent(context.trace),
    ...(state === undefined ? {} : { tracestate: state }),
  }
}

async function readBody (response: Response): Promise<unknown> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += part.byteLength
    // Its status counts all the same: what the answer says beyond that much is left out.
    if (bytes > maximumBytes) break
    parts.push(part)
  }
  const text = Buffer.concat(parts).toString('utf8')
  if (!/[/+]json\b/.test(response.headers.get('content-type') ?? '')) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function usualVerdict ({ status, headers }: StepResponse): StepVerdict {
  if (status >= 200 && status < 300) return 'done'
  if (status === 425 || status === 429 || (status === 409 && headers.has('retry-after'))) return 'later'
  if (status === 408 || status >= 500) return 'unknown'
  return 'refused'
}

/** The definition cannot say what to send: nothing was sent, and nothing else would come of another try. */
function unaskable (error: unknown): RunOutcome {
  const message = `the request could not be made up: ${
    error instanceof Error ? error.message : String(error)
  }`
  return {
    kind: 'failed',
    failure: { code: 'SAGA_REQUEST_FAILED', message },
    effect: 'none',
    retryable: false,
  }
}

/** Before any byte was sent: the host has no address, or nobody listens. */
const unsent = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/

function failureOf (error: unknown): RunOutcome {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const code = codeOf(cause)
  return {
    kind: 'failed',
    failure: {
      code: cause instanceof DeadlineExceededError ? 'SAGA_STEP_TIMEOUT' : code ?? 'HTTP_FAILED',
      message: `the request has no answer: ${cause instanceof Error ? cause.message : String(cause)}`,
    },
    effect: code !== undefined && unsent.test(code) ? 'none' : 'unknown',
    retryable: true,
  }
}

function codeOf (error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** Of a problem document (RFC 9457), what helps to find the cause. */
function problemOf (
  { status, body }: StepResponse
): { readonly code: string | undefined; readonly message: string } {
  const { code, title, detail } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >
  const said = [title, detail].filter((text) => typeof text === 'string').join(': ')
  return {
    code: typeof code === 'string' ? code : undefined,
    message: said === '' ? `it was answered with ${status}` : `it was answered with ${status}: ${said}`,
  }
}

/** @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after its form in seconds; a date is left out */
function retryAfterMs ({ headers }: StepResponse): number | undefined {
  const seconds = headers.get('retry-after')
  return seconds !== null && /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1_000 : undefined
}
