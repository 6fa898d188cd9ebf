import type { AdmissionRoute } from './options.ts'

/** A route as admission knows it: what it costs, and how much of it may be in flight. Made at boot. */
export class AdmissionClass {
  readonly name: string
  readonly stream: boolean
  readonly exempt: boolean
  /** Running now; streams are counted here too, but take no room from anybody. */
  inFlight = 0

  constructor ({ name, stream = false, exempt = false }: AdmissionRoute) {
    this.name = name
    this.stream = stream
    this.exempt = exempt
  }
}
