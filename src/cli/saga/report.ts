import type { SagaEvent, SagaRecord, SagaStatus } from '../../work/saga/index.ts'
import { columns } from '../columns.ts'
import type { Accent, Paint } from '../paint.ts'
import { firstLine, indented, lines, time } from '../report-text.ts'

const accents: Readonly<Record<SagaStatus, Accent>> = {
  running: 'bold',
  compensating: 'yellow',
  parked: 'red',
  completed: 'green',
  compensated: 'yellow',
}

export function sagasAsText (sagas: readonly SagaRecord[], next: string | undefined, paint: Paint): string {
  if (sagas.length === 0) return 'No sagas.\n'
  const head = ['id', 'saga', 'key', 'status', 'step', 'changed', 'why']
  const rows = sagas.map((saga) => [
    saga.id,
    `${saga.name} v${saga.version}`,
    saga.key === saga.id ? '-' : saga.key,
    paint(accents[saga.state.status], saga.state.status),
    saga.state.step ?? '-',
    time(saga.updatedAt.getTime()),
    firstLine(failureOf(saga)?.message ?? ''),
  ])
  const more = next === undefined ? [] : ['', paint('dim', `There are more: --before ${next}`)]
  return lines([...columns([head, ...rows]), ...more])
}

export function sagaAsText (saga: SagaRecord, trail: readonly SagaEvent[], paint: Paint): string {
  const { id, name, version, key, state, data, createdAt, updatedAt, endedAt, runbook, context } = saga
  const { begun, step } = state
  const failure = failureOf(saga)
  const trace = context.traceparent?.slice(3, 35)
  return lines([
    `${paint('bold', name)} v${version} ${id}`,
    ...columns([
      ['  key', key],
      ['  status', paint(accents[state.status], state.status)],
      ...(step === undefined ? [] : [['  step', `${step} (${doing(saga)})`]]),
      ...(failure === undefined ? [] : [['  why', `${failure.code}: ${firstLine(failure.message)}`]]),
      ['  started', time(createdAt.getTime())],
      ['  changed', time(updatedAt.getTime())],
      ...(endedAt === undefined ? [] : [['  ended', time(endedAt.getTime())]]),
      ...(trace === undefined ? [] : [['  trace', trace]]),
      ...(begun.length === 0 || state.status === 'completed' ?
        [] :
        [['  to undo', begun.map(({ step, outcome }) => `${step} (${outcome})`).join(', ')]]),
      ...(state.mailbox.length === 0 ? [] : [['  kept', state.mailbox.map(({ name }) => name).join(', ')]]),
    ]),
    ...(runbook === undefined ? [] : ['', paint('bold', 'What to do'), ...indented(runbook)]),
    '',
    paint('bold', 'Data'),
    ...indented(JSON.stringify(data, null, 2)),
    '',
    paint('bold', 'Trail'),
    ...columns(trail.map((event) => trailRow(event, trail[0]))),
  ])
}

/** For machines: dates as ISO 8601. */
export function sagaAsData (saga: SagaRecord, trail?: readonly SagaEvent[]): object {
  const { nowMs: _, ...told } = saga
  return { ...told, ...(trail === undefined ? {} : { trail }) }
}

function trailRow (
  { at, kind, step = '', actor, detail, traceId }: SagaEvent,
  first: SagaEvent | undefined
): string[] {
  const sinceMs = at.getTime() - (first ?? { at }).at.getTime()
  return [
    `  ${time(at.getTime())}`,
    `+${elapsed(sinceMs)}`,
    kind,
    step,
    told(detail),
    `by ${actor}`,
    traceId?.slice(0, 8) ?? '',
  ]
}

/** What matters of it, on one line. */
function told (detail: SagaEvent['detail']): string {
  if (detail === undefined) return ''
  const { code, message, step: _, ...others } = detail
  const failure = [code, message].filter((part) => part !== undefined).map(String).join(': ')
  const rest = Object.entries(others).map(([name, value]) => `${name} ${String(value)}`).join(', ')
  return firstLine([failure, rest].filter((part) => part !== '').join('; '))
}

function failureOf ({ state }: SagaRecord): SagaRecord['state']['failure'] {
  return state.parked?.failure ?? state.giveUp ?? state.failure
}

function doing ({ state: { action, tries, phase, doubt } }: SagaRecord): string {
  const words = {
    act: 'action',
    settle: 'asking what became of it',
    wait: 'waiting',
    undo: 'compensation',
    branch: 'branch',
  }
  return [
    words[action],
    ...(phase === 'begun' ? ['running'] : []),
    ...(tries > 0 ? [`${tries} ${tries === 1 ? 'try' : 'tries'} failed`] : []),
    ...(doubt ? ['may have happened'] : []),
  ].join(', ')
}

function elapsed (ms: number): string {
  return ms < 1_000 ? `${ms}ms` : ms < 120_000 ? `${(ms / 1_000).toFixed(1)}s` : `${Math.round(ms / 60_000)}m`
}
