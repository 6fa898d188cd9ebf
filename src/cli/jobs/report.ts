import type {
  AuditRecord,
  DeadGroup,
  DeadLetter,
  DeadLetterHistory,
  RedriveProgress,
} from '../../work/jobs/dead/index.ts'
import { promiseMsOf } from '../../work/jobs/index.ts'
import type { JobReceipt, TierState, WaitingKind } from '../../work/jobs/store/index.ts'
import { columns } from '../columns.ts'
import type { Paint } from '../paint.ts'
import { age, amount, firstLine, indented, lines, pretty, time } from '../report-text.ts'

/** A tier, and who works on it. */
export interface AttendedTier extends TierState {
  readonly workers: number
  /** Jobs that wait and that none of the workers takes. */
  readonly unknown: readonly WaitingKind[]
}

/** How the queues stand, for people. */
export function tiersAsText (tiers: readonly AttendedTier[], paint: Paint): string {
  if (tiers.length === 0) return 'No tier has any jobs.\n'
  const head = ['tier', 'waiting', 'oldest', 'running', 'later', 'held', 'dead', 'workers', '']
  const rows = tiers.map((state) => {
    const { tier, depth, depthIsExact, oldestMs, running, later, held, dead, workers } = state
    return [
      tier,
      depthIsExact ? String(depth) : `~${depth}`,
      oldestMs === 0 ? '-' : age(oldestMs),
      String(running),
      String(later),
      String(held),
      dead === 0 ? '0' : paint('yellow', String(dead)),
      String(workers),
      paint('red', remarkOn(state)),
    ]
  })
  return lines(columns([head, ...rows], [1, 2, 3, 4, 5, 6, 7]))
}

function remarkOn ({ tier, depth, oldestMs, workers, unknown }: AttendedTier): string {
  const names = unknown.map(({ name, jobs }) => `${name} (${jobs})`)
  return [
    ...(oldestMs > promisedMs(tier) ? ['late'] : []),
    ...(depth > 0 && workers === 0 ? ['nobody works on it'] : []),
    ...(names.length > 0 ? [`no worker knows ${names.join(', ')}`] : []),
  ].join('; ')
}

/** Jobs of another program may be in tiers that promise nothing. */
function promisedMs (tier: string): number {
  try {
    return promiseMsOf(tier)
  } catch {
    return Infinity
  }
}

export function groupsAsText (groups: readonly DeadGroup[], paint: Paint, nowMs: number): string {
  if (groups.length === 0) return `${paint('green', 'No dead letters.')}\n`
  return lines(groups.flatMap((group) => {
    const { name, fingerprint, count, tenants, firstFailedAtMs, lastFailedAtMs, versions, sample } = group
    const heading = `${paint('bold', fingerprint)}  ${count} x ${paint('bold', name)}`
    const when = count === 1 ?
      `${age(nowMs - lastFailedAtMs)} ago` :
      `first ${age(nowMs - firstFailedAtMs)} ago, last ${age(nowMs - lastFailedAtMs)} ago`
    const seen = versions.map(({ version, count }) =>
      `${version === '' ? 'unknown version' : version} (${count})`
    )
    return [
      heading,
      `  ${sample.error.name}: ${firstLine(sample.error.message)}`,
      `  ${when}; ${amount(tenants, 'tenant')}; in ${seen.join(', ')}; e.g. ${sample.id}`,
    ]
  }))
}

export function lettersAsText (
  letters: readonly DeadLetter[],
  next: string | undefined,
  paint: Paint,
  nowMs: number
): string {
  if (letters.length === 0) return `${paint('green', 'No dead letters.')}\n`
  const head = ['id', 'job', 'tenant', 'runs', 'died', 'group', 'error']
  const rows = letters.map(({ id, name, tenant, attempt, failedAtMs, fingerprint, error }) => [
    id,
    name,
    tenant === '' ? '-' : tenant,
    String(attempt),
    `${age(nowMs - failedAtMs)} ago`,
    fingerprint,
    firstLine(error.message),
  ])
  const more = next === undefined ? [] : ['', paint('dim', `There are more: --after ${next}`)]
  return lines([...columns([head, ...rows], [3]), ...more])
}

export function letterAsText (letter: DeadLetterHistory, paint: Paint): string {
  const { id, name, tier, tenant, attempt, attempts, enqueuedAtMs, failedAtMs, fingerprint, version } = letter
  const { error, payload, audit } = letter
  return lines([
    `${paint('bold', name)} ${id}`,
    ...columns([
      ['  tier', tier],
      ['  tenant', tenant === '' ? '-' : tenant],
      ['  runs', `${attempt} of ${attempts}`],
      ['  enqueued', time(enqueuedAtMs)],
      ['  died', time(failedAtMs)],
      ['  version', version === '' ? 'unknown' : version],
      ['  group', fingerprint],
    ]),
    '',
    paint('bold', 'Payload'),
    ...indented(pretty(payload)),
    '',
    paint('bold', 'Error'),
    ...indented(error.stack ?? `${error.name}: ${error.message}`),
    ...(audit.length === 0 ? [] : ['', paint('bold', 'History'), ...audit.map(auditLine)]),
  ])
}

export function historyAsText (id: string, audit: readonly AuditRecord[], paint: Paint): string {
  return lines([`${id} is no dead letter any more.`, '', paint('bold', 'History'), ...audit.map(auditLine)])
}

export function receiptAsText (receipt: JobReceipt, paint: Paint): string {
  const { id, name, tier, tenant, state, attempt, progress, result, error, enqueuedAtMs, changedAtMs } =
    receipt
  return lines([
    `${paint('bold', name)} ${id}`,
    ...columns([
      ['  state', state],
      ['  tier', tier],
      ['  tenant', tenant === '' ? '-' : tenant],
      ['  runs', String(attempt)],
      ['  enqueued', time(enqueuedAtMs)],
      ['  changed', time(changedAtMs)],
      ...(progress === undefined ? [] : [['  progress', progress]]),
      ...(result === undefined ? [] : [['  result', result]]),
      ...(error === undefined ? [] : [['  error', `${error.name}: ${firstLine(error.message)}`]]),
    ]),
  ])
}

/** One line: how far a redrive is, or how it ended. */
export function redriveAsLine (progress: RedriveProgress): string {
  const { state, total, sent, succeeded, failed, underWay, duplicates } = progress
  const parts = [
    `${sent} of ${total} sent`,
    `${succeeded} succeeded`,
    ...(failed === 0 ? [] : [`${failed} dead again`]),
    ...(underWay === 0 ? [] : [`${underWay} under way`]),
    ...(duplicates === 0 ? [] : [`${duplicates} left, since another job has their unique key`]),
  ]
  return `${state}: ${parts.join(', ')}`
}

export function redriveAsText (progress: RedriveProgress, paint: Paint): string {
  const { state, total, newcomers, failures } = progress
  if (total === 0 && state === 'done')
    return 'No dead letter is meant; nothing was sent. plimsoll jobs groups shows those there are.\n'
  const accent = state === 'done' ? 'green' : 'yellow'
  const told = failures.map(({ id, error }) => `  ${id}  ${error.name}: ${firstLine(error.message)}`)
  const others = newcomers === 0 ?
    [] :
    [`${amount(newcomers, 'more letter')} of this kind died meanwhile: the cause is still there.`]
  return lines([paint(accent, redriveAsLine(progress)), ...told, ...others])
}

function auditLine ({ atMs, actor, action, reason, details }: AuditRecord): string {
  const why = reason === '' ? '' : ` (${reason})`
  const what = action === 'edit' ? `: ${String(details['before'])} -> ${String(details['after'])}` : ''
  return `  ${time(atMs)}  ${action} by ${actor}${why}${what}`
}
