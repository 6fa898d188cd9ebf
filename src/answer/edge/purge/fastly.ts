import { SettingError } from '../../../kernel/index.ts'
import { callEdge, type HttpPurgerOptions, httpUrl, resolveHttpOptions, secretOf } from './call-edge.ts'
import type { EdgePurger } from './edge-purger.ts'

export interface FastlyPurgerOptions extends HttpPurgerOptions {
  readonly serviceId: string
  /** An API token with the scope `purge_select`; `purge_all` too for {@link EdgePurger.purgeAll}. Never shown. */
  readonly token: string
  /** @default 'https://api.fastly.com' */
  readonly apiUrl?: string
}

/**
 * Purges by `Surrogate-Key`, up to 256 keys a call, soft or hard.
 *
 * @throws SettingError
 * @see https://www.fastly.com/documentation/reference/api/purging/
 */
export function fastlyPurger (options: FastlyPurgerOptions): EdgePurger {
  const { serviceId, apiUrl = 'https://api.fastly.com' } = options
  const { name, timeoutMs, clock } = resolveHttpOptions(options, 'fastly')
  if (!/^\w+$/.test(serviceId)) throw new SettingError('fastly.serviceId', 'letters and digits', serviceId)
  const token = secretOf('fastly.token', options.token)
  const api = httpUrl('fastly.apiUrl', apiUrl)
  const call = (path: string, headers: Record<string, string>, signal?: AbortSignal): Promise<string> =>
    callEdge({
      purger: name,
      url: new URL(`/service/${serviceId}/${path}`, api),
      method: 'POST',
      headers: { 'fastly-key': token, accept: 'application/json', ...headers },
      secret: token,
      timeoutMs,
      clock,
      signal,
    })
  return {
    name,
    // A request's headers have room for 16 KiB of keys. Fastly publishes no rate for purges; this is our own caution.
    limits: { keysPerCall: 256, bytesPerCall: 16_000, callsPerSecond: 25, burst: 100, soft: true },
    async purge (keys, mode, signal) {
      const soft: Record<string, string> = mode === 'soft' ? { 'fastly-soft-purge': '1' } : {}
      await call('purge', { 'surrogate-key': keys.join(' '), ...soft }, signal)
    },
    async purgeAll (signal) {
      await call('purge_all', {}, signal)
    },
  }
}
