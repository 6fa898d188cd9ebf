import {
  type Cancel,
  type Clock,
  idSource,
  type Random,
  SettingError,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'
import { type CounterFamily, counterSlots } from './counter.ts'
import { Family, type SlotKind } from './family.ts'
import { type GaugeFamily, gaugeSlots } from './gauge.ts'
import { type HistogramFamily, histogramSlots, httpSecondsBounds } from './histogram.ts'
import { baseName, checkShape, unitOfName } from './names.ts'
import { type FamilyShape, type GaugeMerge, type MetricKind, shapeKey } from './shape.ts'
import type { MetricsSnapshot } from './snapshot.ts'

export interface MetricsOptions {
  /** Dates the exemplars. @default the system's clock */
  readonly clock?: Clock
  /** Names this registry among those of other processes. @default the system's randomness */
  readonly random?: Random
  /** Series that each family may have before further ones share `other`; at least 1. @default 10000 */
  readonly seriesLimit?: number
}

export interface MetricOptions<Label extends string> {
  /**
   * As Prometheus spells it: lower case with underscores, ending in the base unit (`_seconds`, `_bytes`),
   * then for a counter in `_total`.
   */
  readonly name: string
  /** One sentence for the reader of a dashboard. */
  readonly help: string
  /** Names of the labels; each label set becomes a series of its own. @default none */
  readonly labels?: readonly Label[]
  /** Must be what the name ends in. @default read from the name, where it ends in a base unit */
  readonly unit?: string
  /** This family's own limit of series. @default the registry's */
  readonly seriesLimit?: number
}

export interface GaugeOptions<Label extends string> extends MetricOptions<Label> {
  /** What the supervisor makes of the workers' gauges. No default: only you can know it. */
  readonly merge: GaugeMerge
}

export interface HistogramOptions<Label extends string> extends MetricOptions<Label> {
  /** Upper bounds of the buckets, rising; an infinite one is added. @default seconds of a request */
  readonly bounds?: readonly number[]
}

interface AnyFamily {
  readonly shape: FamilyShape
  snapshot(): MetricsSnapshot['families'][number]
}

/**
 * The metrics of one process. Families and slots are made at boot; what happens per request is an
 * increment in an array.
 *
 * A second family with a name in use is the same family when it has the same shape (kind, labels, unit,
 * merge, bounds). A family takes 10,000 label sets by default (`seriesLimit`); further ones share a series
 * whose label values are all `other`, and `plimsoll_metrics_overflow_total{metric}` counts how often a
 * slot was refused.
 */
export class MetricsRegistry {
  readonly #clock: Clock
  readonly #seriesLimit: number
  readonly #source: string
  readonly #families: Map<string, AnyFamily> = new Map()
  readonly #collectors: Set<() => void> = new Set()
  #sequence = 0

  constructor ({ clock = systemClock, random = systemRandom, seriesLimit = 10_000 }: MetricsOptions = {}) {
    this.#clock = clock
    this.#seriesLimit = seriesLimit
    this.#source = idSource(random)()
  }

  /** @throws SettingError for a bad name, label or help, or a name in use with another shape */
  counter<Label extends string = string> (options: MetricOptions<Label>): CounterFamily<Label> {
    return this.#family(this.#shape('counter', options), () => counterSlots)
  }

  /** @throws SettingError for a bad name, label or help, or a name in use with another shape */
  gauge<Label extends string = string> (options: GaugeOptions<Label>): GaugeFamily<Label> {
    return this.#family(this.#shape('gauge', options), () => gaugeSlots)
  }

  /** @throws SettingError for a bad name, label, help or bound, or a name in use with another shape */
  histogram<Label extends string = string> (options: HistogramOptions<Label>): HistogramFamily<Label> {
    return this.#family(
      this.#shape('histogram', options),
      ({ bounds }) => histogramSlots(bounds, this.#clock)
    )
  }

  /**
   * Runs `run` just before each snapshot, to fill what is read rather than counted. When it throws, the
   * snapshot is taken without it and `plimsoll_metrics_collect_failures_total` counts.
   */
  onCollect (run: () => void): Cancel {
    this.#collectors.add(run)
    return () => this.#collectors.delete(run)
  }

  /** All numbers of this moment; see {@link MetricsSnapshot}. */
  snapshot (): MetricsSnapshot {
    for (const collect of this.#collectors) {
      try {
        collect()
      } catch {
        this.counter({
          name: 'plimsoll_metrics_collect_failures_total',
          help: 'Collectors that threw before a snapshot.',
        }).slot().add()
      }
    }
    const families = [...this.#families.values()].map((family) => family.snapshot())
    return { source: this.#source, sequence: ++this.#sequence, families }
  }

  #shape (
    kind: MetricKind,
    { name, help, labels = [], seriesLimit, unit, ...rest }: MetricOptions<string> & {
      readonly merge?: GaugeMerge
      readonly bounds?: readonly number[]
    }
  ): FamilyShape {
    return {
      kind,
      name,
      help,
      unit: unit ?? unitOfName({ kind, name }),
      labels: [...labels],
      merge: rest.merge,
      bounds: kind === 'histogram' ? [...rest.bounds ?? httpSecondsBounds] : [],
      limit: seriesLimit ?? this.#seriesLimit,
    }
  }

  /** The family in use under the shape's name, if it has that shape, or a new one. */
  #family<Slot, Label extends string> (
    shape: FamilyShape,
    slotsOf: (shape: FamilyShape) => SlotKind<Slot>
  ): Family<Slot, Label> {
    checkShape(shape)
    const known = this.#families.get(baseName(shape))
    if (known === undefined) {
      const made = new Family<Slot, Label>(shape, slotsOf(shape), this.#overflow(shape))
      this.#families.set(baseName(shape), made)
      return made
    }
    if (shapeKey(known.shape) !== shapeKey(shape)) {
      throw new SettingError(
        `metric ${shape.name}`,
        'registered with one kind, unit, merge and the same labels and bounds everywhere',
        shape
      )
    }
    return known as Family<Slot, Label> // the kind is part of the shape, and one kind has one kind of slot
  }

  #overflow ({ name }: FamilyShape): () => void {
    return () => {
      this.counter({
        name: 'plimsoll_metrics_overflow_total',
        help: 'Requests for a series that a family had no room for; they share the series "other".',
        labels: ['metric'],
        seriesLimit: Number.MAX_SAFE_INTEGER, // one a family; and it cannot report an overflow of itself
      }).slot({ metric: name }).add()
    }
  }
}
