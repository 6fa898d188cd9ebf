import type { Figures } from '../overload/index.ts'

/** How many tenants share the service. */
export const tenants = 10

/** What each of the quiet tenants offers, as a share of what would be its own if all had the same. */
export const quietLoad = 0.6

export const noisy = 'noisy'
export const quiet: readonly string[] = Array.from({ length: tenants - 1 }, (_, at) => `quiet-${at + 1}`)

/** What a tenant offers, a second. */
export interface Offer {
  readonly tenant: string
  readonly perSecond: number
}

/**
 * @param noisyLoad what the noisy tenant offers, in multiples of an equal share of the capacity; 0 when it stays away
 */
export function offersOf (capacityPerSecond: number, noisyLoad: number): readonly Offer[] {
  const share = capacityPerSecond / tenants
  const others = quiet.map((tenant) => ({ tenant, perSecond: share * quietLoad }))
  return noisyLoad === 0 ? others : [...others, { tenant: noisy, perSecond: share * noisyLoad }]
}

/** How the quiet tenants fared. */
export interface QuietSuccess {
  /** Of all their requests, what was answered well and in time. */
  readonly all: number
  /** The same of the tenant that fared worst. */
  readonly worst: number
}

export function quietSuccess (found: ReadonlyMap<string, Pick<Figures, 'good' | 'sent'>>): QuietSuccess {
  let good = 0
  let sent = 0
  let worst = 1
  for (const tenant of quiet) {
    const figures = found.get(tenant)
    if (figures === undefined || figures.sent === 0) continue
    good += figures.good
    sent += figures.sent
    worst = Math.min(worst, figures.good / figures.sent)
  }
  return { all: good / sent, worst }
}
