/** Where a worker stands; it only moves to the right. */
export type WorkerState = 'starting' | 'ready' | 'draining'

/** A worker as far as planning needs to know it. */
export interface PlannedWorker {
  /** Rises with each start. */
  readonly id: number
  /** Its place in the fleet, from 0; a replacement takes the place of what it replaces. */
  readonly slot: number
  readonly generation: number
  readonly state: WorkerState
  /** It is due to be replaced although its generation is current. */
  readonly due: boolean
}

/** All that decides what happens next. */
export interface FleetView {
  /** The generation that every worker should be of. */
  readonly generation: number
  /** Whether a worker of that generation has ever become ready. Until then only one is tried. */
  readonly proven: boolean
  /** How many workers there should be; at least 1. */
  readonly size: number
  readonly workers: readonly PlannedWorker[]
  /** Not while a crash loop waits. */
  readonly mayStart: boolean
  readonly stopping: boolean
}

export type FleetStep =
  | { readonly kind: 'start'; readonly slot: number }
  | { readonly kind: 'drain'; readonly worker: number; readonly surplus: boolean }
  | { readonly kind: 'abandon'; readonly worker: number }

/**
 * What to do now to come closer to a full fleet of the current generation. Boot, reload, rollback, rotation,
 * scaling and replacement after a crash are all this one question, asked again after each event.
 *
 * - Empty slots are filled: one first, while the generation is unproven (it leads: it migrates and warms
 *   what is shared), then all together.
 * - A worker that is outdated or due is replaced one at a time over the fleet, and drains only when its
 *   replacement is ready.
 * - Rotation waits: while generations are mixed, and until the last rotated worker has gone.
 *
 * Pure: it reads the view alone, and asked again before anything has changed it gives the same answer.
 */
export function nextSteps (view: FleetView): FleetStep[] {
  const living = view.workers.filter(({ state }) => state !== 'draining')
  if (view.stopping) return living.map((worker) => endOf(worker, true))
  return [...abandoned(view, living), ...superseded(view, living), ...starts(view, living)]
}

/** Starts that nobody waits for any more: of a generation that is not the current one, or of a slot too many. */
function abandoned (view: FleetView, living: readonly PlannedWorker[]): FleetStep[] {
  return living
    .filter(({ state, slot, generation }) =>
      state === 'starting' && (slot >= view.size || generation !== view.generation)
    )
    .map(({ id }) => ({ kind: 'abandon', worker: id }))
}

/** Ready workers whose place another ready one has taken, or whose slot is one too many. */
function superseded ({ size, generation }: FleetView, living: readonly PlannedWorker[]): FleetStep[] {
  const ready = living.filter(({ state }) => state === 'ready')
  // The last one serves on until there is another.
  const othersServe = ready.some(({ slot }) => slot < size)
  return ready
    .filter((worker) =>
      worker.slot >= size ? othersServe : ready.some((other) => replaces(other, worker, generation))
    )
    .map(({ id, slot }) => ({ kind: 'drain', worker: id, surplus: slot >= size }))
}

function replaces (other: PlannedWorker, worker: PlannedWorker, generation: number): boolean {
  return other.slot === worker.slot && other.id > worker.id && other.generation === generation
}

function starts (view: FleetView, living: readonly PlannedWorker[]): FleetStep[] {
  const { size, generation, proven, mayStart } = view
  if (!mayStart) return []
  const starting = living.filter((worker) => worker.state === 'starting' && worker.generation === generation)
  const empty = slotsOf(size).filter((slot) => !living.some((worker) => worker.slot === slot))
  if (empty.length > 0) {
    if (proven) return empty.map(startIn)
    return starting.length > 0 ? [] : empty.slice(0, 1).map(startIn)
  }
  if (starting.length > 0) return []
  const next = nextToReplace(view, living)
  return next === undefined ? [] : [startIn(next.slot)]
}

function nextToReplace (
  { size, generation, workers }: FleetView,
  living: readonly PlannedWorker[]
): PlannedWorker | undefined {
  const inPlace = living.filter((worker) => worker.slot < size && !hasReplacement(worker, living))
  const outdated = inPlace.filter((worker) => worker.generation !== generation)
  if (outdated.length > 0) return lowestSlot(outdated)
  const rotating = workers.some((worker) =>
    worker.due && (worker.state === 'draining' || hasReplacement(worker, living))
  )
  return rotating ? undefined : lowestSlot(inPlace.filter(({ due }) => due))
}

function hasReplacement (worker: PlannedWorker, living: readonly PlannedWorker[]): boolean {
  return living.some((other) => other.slot === worker.slot && other.id > worker.id)
}

function lowestSlot (workers: readonly PlannedWorker[]): PlannedWorker | undefined {
  return workers.toSorted((a, b) => a.slot - b.slot)[0]
}

/** Whether every slot has a ready worker of the current generation, and no other worker takes new work. */
export function isSettled ({ size, generation, workers }: FleetView): boolean {
  const living = workers.filter(({ state }) => state !== 'draining')
  return living.length === size &&
    living.every((worker) => worker.state === 'ready' && worker.generation === generation)
}

function slotsOf (size: number): number[] {
  return Array.from({ length: size }, (_, slot) => slot)
}

function startIn (slot: number): FleetStep {
  return { kind: 'start', slot }
}

function endOf ({ id, state }: PlannedWorker, surplus: boolean): FleetStep {
  return state === 'starting' ? { kind: 'abandon', worker: id } : { kind: 'drain', worker: id, surplus }
}
