import { SettingError } from '../../../kernel/index.ts'
import { callEdge, type HttpPurgerOptions, httpUrl, resolveHttpOptions, secretOf } from './call-edge.ts'
import type { EdgePurger, PurgeLimits } from './edge-purger.ts'
import { EdgePurgeError } from './errors.ts'

export type CloudflarePlan = 'free' | 'pro' | 'business' | 'enterprise'

export interface CloudflarePurgerOptions extends HttpPurgerOptions {
  readonly zoneId: string
  /** An API token with the permission Zone / Cache Purge. Never shown. */
  readonly token: string
  /** Decides how many calls a minute the account has. @default 'free' */
  readonly plan?: CloudflarePlan
  /** @default 'https://api.cloudflare.com/client/v4' */
  readonly apiUrl?: string
}

/** Calls of the whole account; all processes share them, and 429 tells when it was too much. */
const rates: Readonly<Record<CloudflarePlan, Pick<PurgeLimits, 'callsPerSecond' | 'burst'>>> = {
  free: { callsPerSecond: 5 / 60, burst: 25 },
  pro: { callsPerSecond: 5, burst: 25 },
  business: { callsPerSecond: 10, burst: 50 },
  enterprise: { callsPerSecond: 50, burst: 500 },
}

/**
 * Purges by `Cache-Tag`, up to 100 tags a call. Cloudflare knows no soft purge: each one is hard, so that the next
 * request for each purged page waits for the origin.
 *
 * @throws SettingError
 * @see https://developers.cloudflare.com/cache/how-to/purge-cache/ limits by plan
 */
export function cloudflarePurger (options: CloudflarePurgerOptions): EdgePurger {
  const { zoneId, plan = 'free', apiUrl = 'https://api.cloudflare.com/client/v4' } = options
  const { name, timeoutMs, clock } = resolveHttpOptions(options, 'cloudflare')
  if (!/^\w+$/.test(zoneId)) throw new SettingError('cloudflare.zoneId', 'letters and digits', zoneId)
  if (!Object.hasOwn(rates, plan)) {
    throw new SettingError('cloudflare.plan', `one of ${Object.keys(rates).join(', ')}`, plan)
  }
  const token = secretOf('cloudflare.token', options.token)
  const url = new URL(
    `zones/${zoneId}/purge_cache`,
    `${httpUrl('cloudflare.apiUrl', apiUrl).href.replace(/\/$/, '')}/`
  )
  async function call (body: object, signal?: AbortSignal): Promise<void> {
    const text = await callEdge({
      purger: name,
      url,
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      secret: token,
      timeoutMs,
      clock,
      signal,
    })
    if (!saysSuccess(text))
      throw new EdgePurgeError(name, 'refused', { detail: 'it answered without success', status: 200 })
  }
  return {
    name,
    limits: { keysPerCall: 100, bytesPerCall: 100 * 1_025, ...rates[plan], soft: false },
    purge: (keys, _mode, signal) => call({ tags: keys }, signal),
    purgeAll: (signal) => call({ purge_everything: true }, signal),
  }
}

function saysSuccess (text: string): boolean {
  try {
    return (JSON.parse(text) as { success?: unknown } | null)?.success === true
  } catch {
    return false
  }
}
