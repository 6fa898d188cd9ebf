/** Something that a service does behind its requests, in this process. */
export interface WorkPart {
  readonly name: string
  /** Begins; nothing is done before. */
  start(): Promise<void>
  /** Takes nothing new on, and waits up to `graceMs` milliseconds for what is under way; the rest is left to others. */
  drain(graceMs: number): Promise<void>
}

export function named (name: string, part: Omit<WorkPart, 'name'>): WorkPart {
  return { name, start: () => part.start(), drain: (graceMs) => part.drain(graceMs) }
}
