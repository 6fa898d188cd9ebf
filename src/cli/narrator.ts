import { type Accent, type Paint, painter } from './paint.ts'
import type { Output, Surroundings } from './surroundings.ts'

/** A line about something that happened. */
export interface Line {
  readonly text: string
  /** @default none: as it is */
  readonly accent?: Accent
}

/** Tells people, line by line, what goes on. On a terminal, progress renews one line instead of adding many. */
export class Narrator {
  readonly #output: Output
  readonly #paint: Paint
  #progress = ''

  constructor (output: Output, surroundings: Pick<Surroundings, 'env'>) {
    this.#output = output
    this.#paint = painter(output, surroundings)
  }

  say ({ text, accent }: Line): void {
    this.end()
    this.#output.write(`${accent === undefined ? text : this.#paint(accent, text)}\n`)
  }

  /** @param share how much is done, 0 to 1, where it is known */
  progress (message: string, share?: number): void {
    if (this.#output.isTTY === true) {
      const percent = share === undefined ? '' : ` ${Math.floor(share * 100)}%`
      // Back to the first column, and clear what the last one left.
      this.#output.write(`\r\u001b[K${this.#paint('dim', `${message}${percent}`)}`)
    } else if (message !== this.#progress) {
      this.#output.write(`${message}\n`)
    }
    this.#progress = message
  }

  /** Takes the line of progress away, before something else is written to the terminal. */
  end (): void {
    if (this.#progress !== '' && this.#output.isTTY === true) this.#output.write('\r\u001b[K')
    this.#progress = ''
  }
}
