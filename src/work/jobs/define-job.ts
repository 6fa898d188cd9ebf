import { type Static, type TSchema, type TUnknown, Unknown } from 'typebox'
import { SettingError } from '../../kernel/index.ts'
import { desks } from './desk.ts'
import type { JobOptions } from './job-options.ts'
import { jobName, resolvePolicy } from './job-policy.ts'
import type { Job } from './job.ts'
import { PayloadForm } from './payload.ts'
import { checkUnique } from './unique-key.ts'

/**
 * Says what a job is. It is run by the workers of a service that lists it in its jobs.
 *
 * ```ts
 * export const chargeOrder = defineJob('order.charge', {
 *   input: Type.Object({ orderId: Type.String() }),
 *   tier: 'within-5s',
 *   async run ({ orderId }, { data, signal }) { ... },
 * })
 * ```
 *
 * @param name stable over releases: jobs are stored under it
 * @throws SettingError when a part breaks its rule
 */
export function defineJob<
  const Input extends TSchema,
  const Output extends TSchema = TUnknown,
  const InTransaction extends boolean = false,
> (
  name: string,
  options: JobOptions<Input, Output, InTransaction>
): Job<Static<Input>, Static<Output>> {
  if (!jobName.test(name))
    throw new SettingError(
      'job name',
      'letters, digits and . _ : -, beginning with a letter, at most 100',
      name
    )
  if (typeof options.run !== 'function') throw new SettingError(`job ${name}: run`, 'a function', options.run)
  const { run, unique } = options
  const policy = resolvePolicy(name, options)
  const payloads = new PayloadForm(name, options.input, policy.maxBytes)
  const results = new PayloadForm(`${name} (result)`, options.output ?? Unknown(), policy.maxBytes)
  const job: Job<Static<Input>, Static<Output>> = {
    name,
    policy,
    async enqueue (tx, input, enqueueOptions) {
      const [ticket] = await desks.of(tx).enqueueMany(tx, job, [input], enqueueOptions)
      return ticket!
    },
    enqueueMany: async (tx, inputs, enqueueOptions) =>
      desks.of(tx).enqueueMany(tx, job, inputs, enqueueOptions),
    perform: (input, how) => run(input, how as Parameters<typeof run>[1]),
    write: (input) => payloads.write(input),
    read: (payload) => payloads.read(payload),
    writeResult: (output) => output === undefined ? undefined : results.write(output),
    uniqueOf (input) {
      const given = unique?.(input)
      return given === undefined ? undefined : checkUnique(given, `job ${name}: unique`)
    },
  }
  return job
}
