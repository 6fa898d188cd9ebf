/**
 * Where a unit stands, as `Admission` keeps it on the unit itself, so that a run costs no allocation:
 * not seen yet (0), waiting for room of its class (1), for its turn (2), running (3), over (4).
 */
export type UnitStage = 0 | 1 | 2 | 3 | 4

/** How a unit that ran ended; only what was answered well teaches what the service can carry. */
export type UnitOutcome =
  /** Answered, and not for lack of anything: 1xx to 4xx. */
  | 'answered'
  /** 5xx, or out of time. */
  | 'failed'
  /** The client left before the answer. */
  | 'gone'
