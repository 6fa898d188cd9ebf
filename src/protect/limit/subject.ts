import { clientKey } from './client-key.ts'

/** Whom a request is counted for, as far as that is known. Getters are welcome: only what a rule uses is read. */
export interface LimitSubject {
  /** The client's address, as the trusted proxies tell it; in any spelling. */
  readonly address: string
  readonly apiKey?: string | undefined
  readonly tenant?: string | undefined
  /** The name of the subject's plan. */
  readonly plan?: string | undefined
  /** The verified name of a signed agent. */
  readonly agent?: string | undefined
  /** The request itself, for keys and costs of your own. */
  readonly request: unknown
}

/** What a rule counts by; each value of it has counters of its own. */
export const countedBy = ['client', 'key', 'tenant', 'plan', 'agent', 'route', 'everyone'] as const
export type CountedBy = (typeof countedBy)[number]

/** The key of a subject; `undefined`: the rule does not apply to it. */
export type KeyOf = (subject: LimitSubject) => string | undefined

/** How each of {@link countedBy} finds its key. Of `route` and `everyone` the rule's own name is all of it. */
export const keysOf: Readonly<Record<CountedBy, KeyOf>> = {
  client: ({ address }) => clientKey(address),
  key: ({ apiKey }) => apiKey,
  tenant: ({ tenant }) => tenant,
  plan: ({ plan }) => plan,
  agent: ({ agent }) => agent,
  route: () => '',
  everyone: () => '',
}
