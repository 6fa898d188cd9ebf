import type { EventMessage } from '../events/index.ts'
import type { Delivery } from './event-source.ts'

/** Ends a delivery once: of acknowledging and giving back, the first one counts. */
export class OnceDelivery implements Delivery {
  readonly message: EventMessage
  readonly deliveredBefore: number
  readonly #delivery: Delivery
  #ended = false

  constructor (delivery: Delivery) {
    this.message = delivery.message
    this.deliveredBefore = delivery.deliveredBefore
    this.#delivery = delivery
  }

  ack (): void {
    if (!this.#ended) this.#delivery.ack()
    this.#ended = true
  }

  giveBack (afterMs: number): void {
    if (!this.#ended) this.#delivery.giveBack(afterMs)
    this.#ended = true
  }
}
