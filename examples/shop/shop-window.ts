import { defineJob } from 'plimsoll/jobs'
import { Type } from 'typebox'
import { tagOf } from './products.ts'

/** Has products shown anew whose stock has changed, on every worker and machine. Queued by what changes the stock. */
export const refreshWindow = defineJob('window.refresh', {
  input: Type.Object({ productIds: Type.Array(Type.Integer()) }),
  tier: 'within-5s',
  deadline: '10s',
  async run ({ productIds }, { app }) {
    await app.cache?.purge(productIds.map(tagOf), { soft: false })
  },
})
