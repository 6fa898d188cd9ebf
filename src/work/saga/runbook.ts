import type { SagaState } from './machine/index.ts'
import type { SagaPlan } from './saga-plan.ts'

/** What a person is to do about a saga that is parked; that of its definition comes first. */
export function runbookOf (plan: SagaPlan | undefined, id: string, state: SagaState): string | undefined {
  if (state.parked === undefined) return undefined
  const { step = '', action, doubt, parked } = state
  const own = plan?.runbooks.get(action === 'undo' ? `${step}:undo` : step)
  return [...(own === undefined ? [] : [own]), usual(id, step, { action, doubt, code: parked.failure.code })]
    .join('\n')
}

function usual (
  id: string,
  step: string,
  { action, doubt, code }: Pick<SagaState, 'action' | 'doubt'> & { readonly code: string }
): string {
  const resume = `plimsoll saga resume ${id}`
  const skip = `plimsoll saga skip ${id}`
  if (code === 'SAGA_DEFINITION_UNKNOWN')
    return 'Run a release that has its definition: it then goes on by itself.'
  if (code === 'SAGA_STEP_UNHEARD') return `Start workers for its tier (plimsoll work), then: ${resume}`
  if (action === 'undo') {
    return `Remove what keeps the compensation of ${step} from working, then: ${resume}\n` +
      `Or undo it by hand, then: ${skip}`
  }
  if (action === 'branch') return `Correct the branch after ${step} in its definition, then: ${resume}`
  if (action === 'wait') {
    return `Find out why ${step} has no answer. It goes on when the answer comes, or after: ${resume} (waits anew), ` +
      `${skip} (as if it had come)`
  }
  if (doubt) {
    return `Find out whether ${step} has happened; its key is ${id}:${step}. If it has: ${skip}\n` +
      `To ask again: ${resume}`
  }
  return `Remove what keeps ${step} from working, then: ${resume}\nOr do it by hand, then: ${skip}`
}
