import { SettingError } from '../../../kernel/index.ts'
import { callEdge, type HttpPurgerOptions, httpUrl, resolveHttpOptions, secretOf } from './call-edge.ts'
import type { EdgePurger } from './edge-purger.ts'

export interface VarnishPurgerOptions extends HttpPurgerOptions {
  /**
   * Each instance, e.g. `http://10.0.0.7:6081`; or a function that finds them, asked before each purge, for fleets
   * that grow and shrink. One that restarts comes back empty, and needs no purge.
   */
  readonly instances: readonly string[] | (() => readonly string[] | Promise<readonly string[]>)
  /** As in the VCL, where it asks for one. Never shown. @default none */
  readonly token?: string
}

/**
 * Purges by xkey every instance of a fleet that runs the VCL of `varnishVcl`, soft or hard. A purge is accepted once
 * all instances have done it; a fleet with one that does not answer is tried again as a whole.
 *
 * @throws SettingError
 */
export function varnishPurger (options: VarnishPurgerOptions): EdgePurger {
  const { instances } = options
  const { name, timeoutMs, clock } = resolveHttpOptions(options, 'varnish')
  const token = options.token === undefined ? undefined : secretOf('varnish.token', options.token)
  if (typeof instances !== 'function' && instances.length === 0) {
    throw new SettingError('varnish.instances', 'at least one URL', instances)
  }
  const find = typeof instances === 'function' ?
    async () => urlsOf(await instances()) :
    fixed(urlsOf(instances))
  async function call (headers: Record<string, string>, signal?: AbortSignal): Promise<void> {
    const urls = await find()
    const outcomes = await Promise.allSettled(urls.map((url) =>
      callEdge({
        purger: name,
        url,
        method: 'PURGE',
        headers: { ...headers, ...(token === undefined ? {} : { 'x-purge-token': token }) },
        secret: token,
        timeoutMs,
        clock,
        signal,
      })
    ))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }
  return {
    name,
    // Varnish takes 8 KiB a header line.
    limits: { keysPerCall: 256, bytesPerCall: 8_000, callsPerSecond: 1_000, burst: 1_000, soft: true },
    purge: (keys, mode, signal) => call({ 'surrogate-key': keys.join(' '), 'x-purge-mode': mode }, signal),
    purgeAll: (signal) => call({ 'x-purge-mode': 'all' }, signal),
  }
}

function urlsOf (instances: readonly string[]): readonly URL[] {
  return instances.map((instance) => httpUrl('varnish.instances', instance))
}

function fixed (urls: readonly URL[]): () => Promise<readonly URL[]> {
  return async () => urls
}
