import type { Transaction } from '../transaction/index.ts'
import type { BufferedWrite } from './write-parts.ts'

/** Each write leaves a row, so that a lost one and one that was applied twice can be told. */
export async function applyEffects (
  tx: Transaction,
  batch: readonly BufferedWrite<readonly string[]>[]
): Promise<void> {
  const rows = batch.flatMap(({ key, value }) => value.map((id) => [key, id] as const))
  await tx.query('INSERT INTO effect (key, id) SELECT * FROM unnest($1::text[], $2::text[])', [
    rows.map(([key]) => key),
    rows.map(([, id]) => id),
  ])
}
