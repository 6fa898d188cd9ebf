import { type CarriedContext, carryContext, currentContext, SettingError } from '../../kernel/index.ts'
import type { EventMessage } from './event-message.ts'

/** Those that begin with `plimsoll-` are Plimsoll's own. */
const headerName = /^(?!plimsoll-)[a-z][a-z\d_-]{0,59}$/
/** Every broker takes these, in a header of UTF-8. */
// oxlint-disable-next-line no-control-regex
const headerValue = /^[^\u0000-\u001f\u007f]{0,1000}$/

/** What an event takes along: the unit of work that emits it, and what the caller adds. */
export function headersOf (own: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  const { traceparent, tracestate, tenant, cause } = carryContext(currentContext())
  if (traceparent !== undefined) headers['traceparent'] = traceparent
  if (tracestate !== undefined) headers['tracestate'] = tracestate
  if (tenant !== undefined) headers['plimsoll-tenant'] = tenant
  if (cause !== undefined) headers['plimsoll-cause'] = cause
  for (const [name, value] of Object.entries(own)) {
    if (!headerName.test(name))
      throw new SettingError(
        'name of an event header',
        'lower-case letters, digits, "-" and "_", at most 60',
        name
      )
    if (typeof value !== 'string' || !headerValue.test(value))
      throw new SettingError(`event header ${name}`, 'a text of at most 1,000 characters on one line', value)
    headers[name] = value
  }
  return headers
}

/** The context that a message brings, for `resumeContext`. */
export function carriedOf ({ headers }: Pick<EventMessage, 'headers'>): CarriedContext {
  const { traceparent, tracestate, 'plimsoll-tenant': tenant, 'plimsoll-cause': cause } = headers
  return {
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(tracestate === undefined ? {} : { tracestate }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(cause === undefined ? {} : { cause }),
  }
}
