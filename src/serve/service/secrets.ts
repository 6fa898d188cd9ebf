import { createHmac, randomBytes } from 'node:crypto'
import type { LocalClient } from '../../engines/index.ts'
import type { Settings } from '../settings/index.ts'

/** Where the workers of a machine that was given no secrets agree on one. */
const sharedKey = 'plimsoll:secret'

/**
 * The service's secrets, or one that all workers of this machine share until it is started anew. Other machines would have
 * another one: what one of them signs, the others refuse.
 */
export async function secretsOf (
  { secrets }: Settings,
  local: Pick<LocalClient, 'get' | 'compareAndSet'>
): Promise<readonly string[]> {
  if (secrets.length > 0) return secrets
  const own = randomBytes(32).toString('base64url')
  await local.compareAndSet(sharedKey, undefined, own)
  const shared = await local.get(sharedKey)
  return [typeof shared === 'string' ? shared : own]
}

/** A secret for one purpose, of which nothing about the others can be told. */
export function derivedSecret (secret: string, purpose: string): string {
  return createHmac('sha256', secret).update(`plimsoll ${purpose}`).digest('base64url')
}
