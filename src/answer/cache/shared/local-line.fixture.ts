import type { LocalChannel } from '../../../engines/index.ts'

/** A way from a worker (`near`) to its supervisor (`far`), within one process. While it is cut, messages are lost. */
export interface Line {
  readonly near: LocalChannel
  readonly far: LocalChannel
  isCut: boolean
}

export function line (): Line {
  const listeners: (((message: unknown) => void) | undefined)[] = []
  const made = { isCut: false } as Line
  const end = (own: number): LocalChannel => ({
    send: (message) =>
      queueMicrotask(() => {
        if (!made.isCut) listeners[1 - own]?.(message)
      }),
    onMessage (listener) {
      listeners[own] = listener
    },
    close () {
      listeners[own] = undefined
    },
  })
  return Object.assign(made, { near: end(0), far: end(1) })
}
