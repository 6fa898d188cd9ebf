/**
 * Shares one question among all who need an answer that is no older than their asking: whoever comes while it is
 * under way gets the answer of the next one, which begins when that has ended. So there is never more than one under
 * way, and nobody waits for more than two.
 */
export class FreshAsk<Answer> {
  readonly #question: () => Promise<Answer>
  #underWay: Promise<Answer> | undefined
  #next: Promise<Answer> | undefined

  constructor (question: () => Promise<Answer>) {
    this.#question = question
  }

  ask (): Promise<Answer> {
    if (this.#next !== undefined) return this.#next
    if (this.#underWay === undefined) return this.#begin()
    this.#next = this.#underWay.then(() => this.#begin(), () => this.#begin())
    return this.#next
  }

  #begin (): Promise<Answer> {
    this.#next = undefined
    const asked = this.#question()
    const end = (): void => {
      if (this.#underWay === asked) this.#underWay = undefined
    }
    this.#underWay = asked
    asked.then(end, end)
    return asked
  }
}
