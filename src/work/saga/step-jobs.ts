import { Type } from 'typebox'
import { defineJob, type Job, type Tier } from '../jobs/index.ts'
import type { SagaPlan } from './saga-plan.ts'
import type { StepCommand } from './step-runner.ts'

const input = Type.Object({ saga: Type.String(), token: Type.Integer() })

/** The jobs that run steps, one for each tier that sagas name. */
export function stepJobs (
  plans: readonly SagaPlan[],
  run: (command: StepCommand) => Promise<void>
): ReadonlyMap<Tier, Job<StepCommand>> {
  const tiers = new Set(plans.map(({ tier }) => tier))
  return new Map([...tiers].map((tier) => [
    tier,
    defineJob(`saga.${tier}`, {
      input,
      tier,
      // Steps have deadlines and tries of their own: these are for a database that is away.
      deadline: 'none',
      retry: { attempts: 20, base: '1s', cap: '1m' },
      run: (command) => run(command),
    }),
  ]))
}
