/** Where in a write its process is killed, by itself, with SIGKILL. In the order in which a write comes by. */
export const killSteps = [
  'before the key is claimed',
  'while the key is claimed',
  'once the key is claimed',
  'once the transaction is open',
  'while the effect is written',
  'once the effect is written',
  'while the record is written',
  'once the record is written',
  'while it commits',
  'once it has committed',
  'once the answer is sent',
] as const

/** Where a process is stopped for longer than a lease, and then goes on as if nothing had been. */
export const pauseSteps = [
  'once the key is claimed',
  'once the effect is written',
  'once the record is written',
] as const

/** Where its connection to PostgreSQL is cut, and the process lives. */
export const cutSteps = ['once the effect is written', 'while it commits', 'once it has committed'] as const

export type Step = typeof killSteps[number]

/** What goes wrong in one write. */
export interface Fault {
  readonly kind: 'kill' | 'pause' | 'cut'
  readonly step: Step
}

export const faults: readonly Fault[] = [
  ...killSteps.map((step) => ({ kind: 'kill' as const, step })),
  ...pauseSteps.map((step) => ({ kind: 'pause' as const, step })),
  ...cutSteps.map((step) => ({ kind: 'cut' as const, step })),
]

export function nameOf ({ kind, step }: Fault): string {
  return `${{ kill: 'killed', pause: 'paused', cut: 'connection cut' }[kind]} ${step}`
}
