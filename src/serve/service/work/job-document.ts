import { createHash } from 'node:crypto'
import { type TSchema, Type } from 'typebox'
import type { JobStatus } from '../../../work/jobs/index.ts'

/** What a client sees of a job. */
export const JobDocument: TSchema = Type.Object({
  id: Type.String(),
  state: Type.String({ description: 'waiting, running, cancelling, done, failed, cancelled or expired' }),
  attempt: Type.Integer({ description: 'Runs that have begun' }),
  enqueuedAt: Type.String({ format: 'date-time' }),
  changedAt: Type.String({ format: 'date-time' }),
  progress: Type.Optional(Type.Unknown()),
  result: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.Object({ name: Type.String(), code: Type.Optional(Type.String()) })),
})

/** What a failure says in words may be the service's own business. */
export function documentOf (
  { id, state, attempt, enqueuedAt, changedAt, progress, result, error }: JobStatus
): object {
  return {
    id,
    state,
    attempt,
    enqueuedAt,
    changedAt,
    ...(progress === undefined ? {} : { progress }),
    ...(result === undefined ? {} : { result }),
    ...(error === undefined || state !== 'failed' ? {} : {
      error: { name: error.name, ...(error.code === undefined ? {} : { code: error.code }) },
    }),
  }
}

/** Names how a job stands, the same in every process: of two that differ, the names do. */
export function versionOf ({ state, attempt, changedAt, progress }: JobStatus): string {
  const told = JSON.stringify([state, attempt, changedAt, progress])
  return createHash('sha256').update(told).digest('base64url').slice(0, 22)
}
