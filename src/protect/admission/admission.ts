import { type Clock, systemClock } from '../../kernel/index.ts'
import { AdmissionClass } from './admission-class.ts'
import type { AdmissionOptions, AdmissionRoute } from './options.ts'
import type { Refusal } from './refusal.ts'
import type { AdmissionUnit, UnitOutcome } from './unit.ts'

/** Run it now; it waits, and its `run` or `refuse` will be called; or answer with this refusal. */
export type Verdict = 'run' | 'queued' | Refusal

/** Decides for one process which requests are run, which wait for a moment, and which are refused. */
export class Admission {
  readonly #clock: Clock

  constructor ({ clock = systemClock }: AdmissionOptions) {
    this.#clock = clock
  }

  /** Makes the class of one route, at boot. */
  route (route: AdmissionRoute): AdmissionClass {
    return new AdmissionClass(route)
  }

  /** Decides on a request, at once, when its headers have been read. */
  arrive (unit: AdmissionUnit): Verdict {
    unit.admissionStage = 3
    unit.admittedMs = unit.startedMs
    unit.admissionClass.inFlight++
    return 'run'
  }

  /** Tells that a unit is over: once for each that was run or queued, whatever came of it. */
  finished (unit: AdmissionUnit, _outcome: UnitOutcome): void {
    if (unit.admissionStage === 3) unit.admissionClass.inFlight--
    unit.admissionStage = 4
    void this.#clock
  }

  /** Tells that a connection was accepted, so that a queue of them is drained before work goes on. */
  connected (): void {}

  /** How close a route is to refusing: 0 calm, 1 busy, 2 overloaded, 3 refusing; see `docs/overload.md`. */
  pressure (_admissionClass: AdmissionClass): 0 | 1 | 2 | 3 {
    return 0
  }

  /** Refuses whatever arrives from now on; what waits is still run. */
  drain (): void {}
}
