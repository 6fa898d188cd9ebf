import { MessageChannel } from 'node:worker_threads'
import type { Cancel } from '../../kernel/index.ts'

/** What the supervisor does when it is asked by signal. */
export interface SignalActions {
  readonly reload: (cause: string) => void
  readonly resize: (by: number) => void
  readonly stop: (cause: string) => void
  /** A second SIGINT: the person at the terminal does not want to wait. */
  readonly interrupt: () => void
  readonly writeStatus: () => void
}

/**
 * Listens to the operator: SIGHUP reloads, SIGTTIN and SIGTTOU add and remove a worker, SIGTERM and SIGINT stop,
 * SIGUSR2 writes the status. Signals do not keep a process alive, so this does.
 *
 * @returns ends the listening
 */
export function onSignals (actions: SignalActions): Cancel {
  const { reload, resize, stop, interrupt, writeStatus } = actions
  let interrupts = 0
  const handlers: Partial<Record<NodeJS.Signals, () => void>> = {
    SIGHUP: () => reload('SIGHUP'),
    SIGTTIN: () => resize(1),
    SIGTTOU: () => resize(-1),
    SIGTERM: () => stop('SIGTERM'),
    SIGINT: () => ++interrupts === 1 ? stop('SIGINT') : interrupt(),
    SIGUSR2: writeStatus,
  }
  const listening = Object.entries(handlers) as [NodeJS.Signals, () => void][]
  for (const [signal, handler] of listening) process.on(signal, handler)
  // A port that is listened to is what keeps a process alive without a timer.
  const { port1: anchor } = new MessageChannel()
  anchor.on('message', () => {})
  return () => {
    for (const [signal, handler] of listening) process.off(signal, handler)
    anchor.close()
  }
}
