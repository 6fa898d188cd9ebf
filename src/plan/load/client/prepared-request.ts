import { SettingError } from '../../../kernel/index.ts'
import type { RequestSpec } from '../plan.ts'
import type { Target } from './target.ts'

/** A request whose bytes are ready to be written. */
export interface PreparedRequest {
  readonly name: string
  /** One for each target. */
  readonly bytes: readonly Buffer[]
  /** The response has no body, whatever its head says. */
  readonly isHead: boolean
  readonly expects: (statusCode: number) => boolean
  readonly patienceMs: number
}

export interface PrepareOptions {
  readonly targets: readonly Target[]
  /** For requests that have none of their own. */
  readonly patienceMs: number
  /** Tells the server that no further request follows on the connection. */
  readonly closes: boolean
}

// RFC 9110, 5.6.2 and 5.5; RFC 9112, 3.2: nothing that could end a line and begin another.
const token = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/
const requestTarget = /^(?:\/[\x21-\x7e]*|\*)$/

/** @throws SettingError for what HTTP/1.1 cannot carry */
export function prepareRequest (spec: RequestSpec, options: PrepareOptions): PreparedRequest {
  const { name, method = 'GET', path, headers = {}, expect, patienceMs = options.patienceMs } = spec
  if (!token.test(method)) throw new SettingError(`request "${name}" method`, 'a method such as GET', method)
  if (!requestTarget.test(path)) {
    throw new SettingError(`request "${name}" path`, 'a path such as /items?page=2, percent-encoded', path)
  }
  const body = Buffer.from(spec.body ?? '')
  const fields = new Map<string, string>()
  for (const [field, value] of Object.entries(headers)) {
    if (!token.test(field) || !fieldValue.test(value)) {
      throw new SettingError(
        `request "${name}" header`,
        'a name and one line of Latin letters',
        `${field}: ${value}`
      )
    }
    fields.set(field.toLowerCase(), `${field}: ${value}`)
  }
  const needsLength = body.length > 0 || /^(?:POST|PUT|PATCH)$/.test(method)
  if (needsLength && !fields.has('content-length')) {
    fields.set('content-length', `Content-Length: ${body.length}`)
  }
  if (options.closes && !fields.has('connection')) fields.set('connection', 'Connection: close')
  const bytes = options.targets.map(({ authority }) => {
    const own = fields.has('host') ? [] : [`Host: ${authority}`]
    const lines = [`${method} ${path} HTTP/1.1`, ...own, ...fields.values(), '', '']
    return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body])
  })
  return { name, bytes, isHead: method === 'HEAD', expects: expectation(expect), patienceMs }
}

function expectation (expect: readonly number[] | undefined): (statusCode: number) => boolean {
  if (expect === undefined) return (statusCode) => statusCode >= 200 && statusCode < 400
  return (statusCode) => expect.includes(statusCode)
}
