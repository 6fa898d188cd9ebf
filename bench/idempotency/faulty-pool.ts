import pg from 'pg'
import type { Fault, Step } from './faults.ts'

/**
 * A pool whose connections tell the steps of a write as they send it, and are cut where the fault says so.
 *
 * @param reach called at each step that only a connection knows of
 */
export function faultyPool (url: string, fault: Fault, reach: (step: Step) => void): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    client.on('error', () => {})
    const query = client.query.bind(client) as (...args: readonly unknown[]) => unknown
    const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
    const cut = (step: Step): void => {
      if (fault.kind === 'cut' && fault.step === step) connection.stream.destroy()
    }
    Object.assign(client, {
      query (...args: readonly unknown[]) {
        // The bytes are with the kernel once `query` returns, so what happens next happens while it is done.
        const step = whileStep(args[0])
        const after = step === undefined ? undefined : afterStep(step)
        const result = query(...args.slice(0, -1), announcing(args.at(-1), after, reach))
        if (step !== undefined) {
          reach(step)
          cut(step)
        }
        if (after === undefined || !(result instanceof Promise)) return result
        return result.then((value: unknown) => {
          reach(after)
          if (fault.kind !== 'cut' || fault.step !== after) return value
          cut(after)
          throw new Error('Connection terminated unexpectedly')
        })
      },
    })
  })
  return pool
}

function whileStep (query: unknown): Step | undefined {
  const name = typeof query === 'object' && query !== null && 'name' in query ?
    String(query.name) :
    String(query)
  if (name.startsWith('plimsoll_idempotency_claim')) return 'while the key is claimed'
  if (name.startsWith('plimsoll_idempotency_settle')) return 'while the record is written'
  if (name.startsWith('INSERT INTO ledger_effect')) return 'while the effect is written'
  return name === 'commit' ? 'while it commits' : undefined
}

/** The pool's own queries call back. */
function announcing (last: unknown, after: Step | undefined, reach: (step: Step) => void): unknown {
  if (typeof last !== 'function' || after === undefined) return last
  return (...results: readonly unknown[]) => {
    reach(after)
    last(...results)
  }
}

/** The steps after, where the connection is the one that tells or is cut there. */
function afterStep (step: Step): Step | undefined {
  if (step === 'while the record is written') return 'once the record is written'
  if (step === 'while the effect is written') return 'once the effect is written'
  return step === 'while it commits' ? 'once it has committed' : undefined
}
