import type { FastifyRequest } from 'fastify'
import { hash } from 'node:crypto'
import { Problem } from '../../kernel/index.ts'
import { resourceProblems } from './problems.ts'

/**
 * A strong ETag of an item's revision. A part of an item has another one than the whole, since its bytes differ;
 * both name the revision, so that either can be sent as If-Match.
 *
 * @param mask the canonical field mask; empty for the whole
 */
export function etagOf (revision: string, mask: string): string {
  const token = Buffer.from(revision).toString('base64url')
  return mask === '' ? `"${token}"` : `"${token}.${hash('sha256', mask, 'base64url').slice(0, 12)}"`
}

/** Whether a client that holds what If-None-Match says holds this. @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2 */
export function isKnown (header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.trim() === '*' || [...header.matchAll(/"[^"]*"/g)].some(([tag]) => tag === etag)
}

/**
 * The revisions of which one must be the item's when it is changed, as If-Match names them; null when any will do
 * (`*`). Weak tags name none.
 *
 * ```sql
 * update product set ... where id = $1 and ($2::text[] is null or revision::text = any($2))
 * ```
 *
 * No row changed, though the item is there: throw {@link resourceChanged}.
 *
 * @throws Problem IF_MATCH_REQUIRED when the request has no If-Match
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
 */
export function expectedRevisions (request: FastifyRequest): readonly string[] | null {
  const header = request.headers['if-match']
  if (header === undefined) throw new Problem(resourceProblems.IF_MATCH_REQUIRED)
  if (header.trim() === '*') return null
  return [...header.matchAll(/(W\/)?"([\w-]*)(?:\.[\w-]*)?"/g)]
    .filter(([, weak]) => weak === undefined)
    .map(([, , token = '']) => Buffer.from(token, 'base64url').toString())
}

/** @returns the problem to throw: RESOURCE_CHANGED */
export function resourceChanged (): Problem {
  return new Problem(resourceProblems.RESOURCE_CHANGED)
}
