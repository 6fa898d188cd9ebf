import { isDeepStrictEqual } from 'node:util'
import type { EventType } from './define-event.ts'

/** A payload as some release has stored it. */
export interface StoredPayload {
  readonly version: number
  /** The value, not its text. */
  readonly payload: unknown
  /** What it is in the newest version. Where it is missing, it only has to fit. */
  readonly becomes?: unknown
}

/** Stored payloads are not read as they should be. For tests. */
export class UpcastError extends Error {
  override readonly name = 'UpcastError'
  readonly code = 'UPCAST_WRONG'
  readonly faults: readonly string[]

  constructor (type: string, faults: readonly string[]) {
    super(`${type}: ${faults.join('; ')}`)
    this.faults = faults
  }
}

/**
 * Checks, in a test, that payloads which older releases have stored are still read: keep one or more of each version in
 * the repository, as they were stored, and never change them.
 *
 * ```ts
 * test('orders of all times are read', () => {
 *   assertUpcasts(orderPlaced, [
 *     { version: 1, payload: { id: '7' }, becomes: { orderId: '7' } },
 *     { version: 2, payload: { orderId: '7' } },
 *   ])
 * })
 * ```
 *
 * @throws UpcastError that names each payload which is not read, or not as it should be, and each version that is read
 *   and has no payload here
 */
export function assertUpcasts<Payload> (event: EventType<Payload>, stored: readonly StoredPayload[]): void {
  const faults: string[] = []
  for (const sample of stored) {
    const fault = faultOf(event, sample)
    if (fault !== undefined)
      faults.push(`version ${sample.version}, ${JSON.stringify(sample.payload)}: ${fault}`)
  }
  for (let version = event.oldest; version <= event.version; version++) {
    if (!stored.some((sample) => sample.version === version))
      faults.push(`no stored payload of version ${version} is tested`)
  }
  if (faults.length > 0) throw new UpcastError(event.type, faults)
}

function faultOf<Payload> (event: EventType<Payload>, sample: StoredPayload): string | undefined {
  const { version, payload } = sample
  const message = {
    type: event.type,
    id: 'a stored payload',
    version,
    payload: JSON.stringify(payload) ?? '',
  }
  let read: Payload
  try {
    read = event.read(message)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  if (!('becomes' in sample) || isDeepStrictEqual(read, sample.becomes)) return undefined
  return `it became ${JSON.stringify(read)} instead of ${JSON.stringify(sample.becomes)}`
}
