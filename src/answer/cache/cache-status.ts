import { SettingError } from '../../kernel/index.ts'
import type { BypassReason, Unstored } from './found.ts'

/**
 * The values of `Cache-Status` that this cache gives; those with a time to live up to it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9211
 */
export class CacheStatus {
  readonly hit: string
  readonly stale: string
  readonly staleIfError: string
  readonly validated: string
  readonly collapsed: string
  readonly onlyIfCached: string
  readonly #name: string

  /** @throws SettingError when the name is no token */
  constructor (name: string) {
    if (!/^[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*$/.test(name))
      throw new SettingError('cache.name', 'a token', name)
    this.#name = name
    this.hit = `${name}; hit; ttl=`
    this.stale = `${name}; hit; detail=stale-while-revalidate; ttl=`
    this.staleIfError = `${name}; fwd=stale; detail=stale-if-error; ttl=`
    this.validated = `${name}; fwd=stale; detail=version-is-current; stored; ttl=`
    this.collapsed = `${name}; fwd=miss; collapsed; ttl=`
    this.onlyIfCached = `${name}; detail=only-if-cached`
  }

  bypass (reason: BypassReason): string {
    return `${this.#name}; fwd=${reason === 'method' ? 'method' : 'bypass'}; detail=${reason}`
  }

  /** Of an answer that the route made and that is kept. */
  stored (forwarded: Forwarded): string {
    return `${this.#name}; fwd=${forwarded}; stored; ttl=`
  }

  /** Of an answer that the route made and that is not. */
  unstored (forwarded: Forwarded, reason: Unstored['reason']): string {
    return `${this.#name}; fwd=${forwarded}; detail=${reason}`
  }
}

/** Why a route had to run. */
export type Forwarded = 'miss' | 'stale' | 'request'
