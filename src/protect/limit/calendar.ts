import { SettingError } from '../../kernel/index.ts'

export type CalendarUnit = 'day' | 'month'

/** One day or month of a calendar. */
export interface Period {
  /** Counts periods: a later one has a higher index, in every process the same. */
  readonly index: number
  /** First millisecond, since the Unix epoch. */
  readonly startsAtMs: number
  /** First millisecond of the next period. */
  readonly endsAtMs: number
}

interface LocalTime {
  readonly year: number
  /** From 0. */
  readonly month: number
  readonly day: number
  /** What the wall shows, read as if it were UTC, in milliseconds since the epoch. */
  readonly wallMs: number
}

const dayMs = 86_400_000

/**
 * Days or months as people in one time zone count them: a day may have 23 or 25 hours, and starts when the
 * wall first shows its date, even where the clocks skip midnight or show it twice.
 */
export class Calendar {
  readonly unit: CalendarUnit
  readonly timeZone: string
  readonly #format: Intl.DateTimeFormat
  #last: Period | undefined

  /**
   * @param timeZone an IANA name, e.g. `Europe/Berlin`
   * @param setting names the setting in the error
   * @throws SettingError for a time zone that is not known
   */
  constructor (unit: CalendarUnit, timeZone: string, setting = 'quota.timeZone') {
    this.unit = unit
    this.timeZone = timeZone
    try {
      this.#format = new Intl.DateTimeFormat('en-US', {
        timeZone,
        calendar: 'gregory',
        numberingSystem: 'latn',
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      })
    } catch {
      throw new SettingError(setting, 'an IANA time zone such as "UTC" or "Europe/Berlin"', timeZone)
    }
  }

  /** The period that holds an instant. The last answer is kept, so within a period this is two comparisons. */
  periodAt (epochMs: number): Period {
    const last = this.#last
    if (last !== undefined && epochMs >= last.startsAtMs && epochMs < last.endsAtMs) return last
    const period = this.#find(Math.floor(epochMs))
    this.#last = period
    return period
  }

  /** First millisecond after the period of that index. */
  endOf (index: number): number {
    return this.#last?.index === index ? this.#last.endsAtMs : this.#startOf(index + 1)
  }

  #find (epochMs: number): Period {
    let index = this.#indexOf(this.#local(epochMs))
    // Where clocks were set back over midnight, the wall shows yesterday's date again: the new day has begun.
    while (this.#startOf(index + 1) <= epochMs) index++
    return { index, startsAtMs: this.#startOf(index), endsAtMs: this.#startOf(index + 1) }
  }

  #indexOf ({ year, month, day }: LocalTime): number {
    return this.unit === 'month' ? year * 12 + month : Date.UTC(year, month, day) / dayMs
  }

  /** When the wall first shows the period's first moment. */
  #startOf (index: number): number {
    const wallMs = this.unit === 'month' ? Date.UTC(2000, index - 2000 * 12) : index * dayMs
    const candidates = [wallMs - this.#offsetAt(wallMs - dayMs), wallMs - this.#offsetAt(wallMs + dayMs)]
    let low = Math.min(...candidates)
    let high = Math.max(...candidates)
    if (this.#local(low).wallMs === wallMs) return low
    if (this.#local(high).wallMs === wallMs) return high
    // The clocks skip midnight: the period starts at the jump, which lies between the two.
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.#local(middle).wallMs < wallMs) low = middle
      else high = middle
    }
    return high
  }

  #offsetAt (epochMs: number): number {
    return this.#local(epochMs).wallMs - epochMs
  }

  #local (epochMs: number): LocalTime {
    const parts: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(epochMs)) parts[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
    const milliseconds = ((epochMs % 1000) + 1000) % 1000
    const wallMs = Date.UTC(year, month - 1, day, hour, minute, second) + milliseconds
    return { year, month: month - 1, day, wallMs }
  }
}
