import type { Environment } from '../serve/settings/index.ts'

/** Where a command writes. */
export interface Output {
  write(text: string): unknown
  /** Whether a person looks at it. */
  readonly isTTY?: boolean
  /** How wide the terminal is, in characters. */
  readonly columns?: number
}

/** All that a command touches of the process around it. */
export interface Surroundings {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Environment
  /** The working directory. */
  readonly directory: string
  /** This package's version. */
  readonly version: string
  /** Watches for SIGINT and SIGTERM until it is disposed of; in between they do nothing else. */
  readonly watchInterrupts: () => Interrupts
}

/** Says when somebody asks to stop. */
export interface Interrupts extends Disposable {
  /** Aborts at the first SIGINT or SIGTERM, with an InterruptedError. */
  readonly signal: AbortSignal
}
