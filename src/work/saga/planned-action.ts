import { type Duration, parseDuration, SettingError } from '../../kernel/index.ts'
import { runHttp } from './http-action.ts'
import type { ActShape, SagaData } from './machine/index.ts'
import type { Action } from './saga-options.ts'
import type { PlannedAction } from './saga-plan.ts'
import { thrownOutcome } from './thrown-outcome.ts'

/** How often an outcome that is unknown after all tries is asked about. */
const asks = 5

/** What the machine has to know of an action. @throws SettingError */
export function actShapeOf<Extra> (
  action: Action<SagaData, Extra>,
  setting: string,
  usual: { readonly attempts: number; readonly cap: Duration }
): ActShape {
  const { local, remote, http, deadline = '30s', retry = {} } = action
  const kinds = [local, remote, http].filter((kind) => kind !== undefined)
  if (kinds.length !== 1)
    throw new SettingError(setting, 'exactly one of local, remote and http', kinds.length)
  const { attempts = usual.attempts, base = '1s', cap = usual.cap } = retry
  if (!(Number.isInteger(attempts) && attempts >= 1 && attempts <= 1_000))
    throw new SettingError(`${setting}: retry.attempts`, 'a whole number from 1 to 1,000', attempts)
  const [baseMs, capMs] = [
    parseDuration(base, `${setting}: retry.base`),
    parseDuration(cap, `${setting}: retry.cap`),
  ]
  if (!(baseMs > 0 && capMs >= baseMs))
    throw new SettingError(`${setting}: retry`, 'a base above 0 and a cap of at least base', { base, cap })
  const deadlineMs = parseDuration(deadline, `${setting}: deadline`)
  if (!(deadlineMs > 0)) throw new SettingError(`${setting}: deadline`, 'above 0', deadline)
  const repeatable = http === undefined || http.keyed !== false
  return {
    atomic: local !== undefined,
    deadlineMs,
    attempts,
    backoff: { baseMs, capMs },
    repeatable,
    asks: local === undefined && (repeatable || http?.ask !== undefined) ? asks : 0,
  }
}

/** What is run of an action. */
export function plannedAction<Extra> (action: Action<SagaData, Extra>): PlannedAction {
  const { local, remote, http, deadline = '30s' } = action as unknown as Action<SagaData>
  const deadlineMs = parseDuration(deadline)
  if (local !== undefined) {
    return {
      deadlineMs,
      atomic: true,
      run: async (data, run) => await local(data, run) as SagaData | undefined,
    }
  }
  return {
    deadlineMs,
    atomic: false,
    async run (data, run, { isAsking, send }) {
      try {
        if (http !== undefined) return await runHttp(http, data, run, isAsking, send)
        return { kind: 'done', patch: await remote?.(data, run) as SagaData | undefined }
      } catch (error) {
        return thrownOutcome(error, false)
      }
    },
  }
}
