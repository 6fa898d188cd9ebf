import { MergedFamily, type WorkerPart } from './merged-family.ts'
import { shapeKey } from './shape.ts'
import type { FamilySnapshot, MetricsSnapshot } from './snapshot.ts'

interface WorkerState {
  readonly source: string
  readonly sequence: number
  readonly parts: ReadonlyMap<string, WorkerPart>
}

/** Sources whose late snapshots are still recognised after their retirement. */
const rememberedSources = 4096

/**
 * The metrics of all workers as one. Workers come and go; what they counted stays in the totals, so that a
 * counter never falls over a reload. Gauges are merged by their family's policy over living workers.
 *
 * Where workers differ in a family's shape (labels, bounds: a reload brought new code), the shape of the
 * worker that came last is shown and the numbers of the others are held back, since they cannot be added.
 */
export class MetricsMerger {
  /** In order of first appearance. */
  readonly #workers: Map<string, WorkerState> = new Map()
  /** By shape; of one name the one that appeared last is last. */
  readonly #families: Map<string, MergedFamily> = new Map()
  readonly #retired: Set<string> = new Set()
  #sequence = 0

  /**
   * Takes a worker's latest snapshot. One with another `source` under the same name is a successor: the
   * predecessor is retired first. Snapshots that come late - older than the last, or from a source that
   * has been retired - are ignored, since their numbers are in the totals already.
   *
   * @param worker any name that tells living workers apart; shown as the label `worker`
   */
  update (worker: string, snapshot: MetricsSnapshot): void {
    if (this.#retired.has(snapshot.source)) return
    let before = this.#workers.get(worker)
    if (before !== undefined && before.source !== snapshot.source) {
      this.retire(worker)
      before = undefined
    }
    if (before !== undefined && before.sequence >= snapshot.sequence) return
    const parts = new Map<string, WorkerPart>()
    for (const family of snapshot.families) {
      const key = shapeKey(family)
      parts.set(key, this.#family(key, family).part(family, before?.parts.get(key)))
    }
    this.#workers.set(worker, { source: snapshot.source, sequence: snapshot.sequence, parts })
  }

  /** Keeps the worker's counters and histograms in the totals and drops its gauges. */
  retire (worker: string): void {
    const state = this.#workers.get(worker)
    if (state === undefined) return
    this.#workers.delete(worker)
    for (const part of state.parts.values()) part.family.retire(part)
    this.#retired.add(state.source)
    if (this.#retired.size <= rememberedSources) return
    for (const oldest of this.#retired) {
      this.#retired.delete(oldest)
      break
    }
  }

  /** The totals of this moment, in the form that a single registry has. */
  merged (): MetricsSnapshot {
    const families: FamilySnapshot[] = []
    for (const [key, family] of this.#shown()) {
      const parts = new Map<string, WorkerPart>()
      for (const [worker, state] of this.#workers) {
        const part = state.parts.get(key)
        if (part !== undefined) parts.set(worker, part)
      }
      families.push(family.merged(parts))
    }
    return { source: 'merged', sequence: ++this.#sequence, families }
  }

  #family (key: string, shape: FamilySnapshot): MergedFamily {
    let family = this.#families.get(key)
    if (family === undefined) {
      const { kind, name, help, unit, labels, merge, bounds, limit } = shape
      family = new MergedFamily({ kind, name, help, unit, labels, merge, bounds, limit })
      this.#families.set(key, family)
    }
    return family
  }

  /** One shape of each name: that of the youngest worker that has it, else the last one known. */
  #shown (): Map<string, MergedFamily> {
    const keyByName = new Map<string, string>()
    for (const [key, { shape: { name } }] of this.#families) keyByName.set(name, key)
    for (const { parts } of this.#workers.values()) {
      for (const [key, { latest: { name } }] of parts) keyByName.set(name, key)
    }
    const shown = new Map<string, MergedFamily>()
    for (const key of keyByName.values()) shown.set(key, this.#families.get(key)!)
    return shown
  }
}
