import { Type } from 'typebox'
import { defineJob } from './define-job.ts'
import type { Job } from './job.ts'

interface Numbered {
  readonly n: number
}

const input = Type.Object({ n: Type.Number() })
const retry = { attempts: 50, base: '1ms', cap: '50ms' } as const

/** Leaves a row in the transaction of its settlement. */
export const inTransaction: Job<Numbered> = defineJob('in-transaction', {
  input,
  retry,
  transactional: true,
  async run ({ n }, { tx }) {
    await tx.query('insert into effect values ($1, $2)', ['in-transaction', n])
    await tx.query('select pg_sleep(0.002)')
  },
})

/** Leaves a row in a transaction of its own. */
export const onItsOwn: Job<Numbered> = defineJob('on-its-own', {
  input,
  retry,
  async run ({ n }, { data }) {
    await data.query('insert into effect values ($1, $2)', ['on-its-own', n])
    await data.query('select pg_sleep(0.002)')
  },
})
