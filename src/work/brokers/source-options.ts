import {
  type Clock,
  type Duration,
  parseDuration,
  type Random,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'

/** What the sources of all brokers take. */
export interface BrokerSourceOptions {
  /**
   * The longest time after which a message may come once more although it was handled: a relay that was killed before it
   * remembered a confirmation publishes again when it is back, and what waits in the broker while a consumer is away comes
   * late. Consumers remember what they have handled for at least so long. @default '1d'
   */
  readonly horizon?: Duration
  /** Hears why a stream had to be opened anew; the source mends it by itself. */
  readonly onError?: (error: unknown) => void
  readonly clock?: Clock
  readonly random?: Random
}

export interface ResolvedSourceOptions {
  readonly horizonMs: number
  readonly onError: (error: unknown) => void
  readonly clock: Clock
  readonly random: Random
}

/** @throws SettingError for a horizon that is no duration */
export function resolveSourceOptions (broker: string, options: BrokerSourceOptions): ResolvedSourceOptions {
  const { horizon = '1d', onError = () => {}, clock = systemClock, random = systemRandom } = options
  return { horizonMs: parseDuration(horizon, `${broker}.horizon`), onError, clock, random }
}
