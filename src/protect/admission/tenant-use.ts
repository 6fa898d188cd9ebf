/**
 * Who has asked for how much lately, and got how much, in fixed memory. Old use fades: half of it counts no
 * more after {@link halfLifeMs}. When there are more tenants than places, those that used little are forgotten
 * first, so that a flood of names cannot push a heavy one out.
 *
 * @see Cormode and others, "Forward decay", ICDE 2009: how use fades without touching every entry
 */
export class TenantUse {
  readonly #places: number
  readonly #index = new Map<string, number>()
  readonly #names: string[] = []
  readonly #asked: Float64Array
  readonly #got: Float64Array
  #askedSum = 0
  #gotSum = 0
  #hand = 0
  #startMs = 0
  #active = 0
  /** What one unit costs, on average of late. */
  #unitCost = 0
  #countedMs = Number.NEGATIVE_INFINITY

  constructor (places = 512) {
    this.#places = places
    this.#asked = new Float64Array(places)
    this.#got = new Float64Array(places)
  }

  /** How many tenants are known; at most the places. */
  get size (): number {
    return this.#index.size
  }

  /**
   * Notes that a tenant asks for work, and says whether it is heavy: it has asked for more than twice what the
   * others did on average, and has got at least half of an equal share of what there was.
   *
   * @param cost in any unit, the same everywhere
   */
  ask (tenant: string, cost: number, nowMs: number): boolean {
    const weight = this.#weight(nowMs)
    const place = this.#placeOf(tenant)
    const asked = this.#asked[place]! + cost * weight
    this.#asked[place] = asked
    this.#askedSum += cost * weight
    this.#unitCost += (cost - this.#unitCost) * (this.#unitCost === 0 ? 1 : 0.01)
    if (nowMs - this.#countedMs > recountMs) this.#recount(weight, nowMs)
    if (this.#active < 2 || asked < leastUnits * cost * weight) return false
    return asked > 2 * (this.#askedSum - asked) / (this.#active - 1) &&
      this.#got[place]! * this.#active * 2 >= this.#gotSum
  }

  /** Notes that work was done for a tenant that has asked for it. */
  gave (tenant: string, cost: number, nowMs: number): void {
    const weight = this.#weight(nowMs)
    const place = this.#index.get(tenant)
    if (place === undefined) return
    this.#got[place]! += cost * weight
    this.#gotSum += cost * weight
  }

  /** What one unit of use is worth now; it doubles with each half-life, so that older use weighs less. */
  #weight (nowMs: number): number {
    const age = (nowMs - this.#startMs) / halfLifeMs
    if (age < 30) return 2 ** age
    const scale = 2 ** -age
    for (let place = 0; place < this.#places; place++) {
      this.#asked[place]! *= scale
      this.#got[place]! *= scale
    }
    this.#askedSum *= scale
    this.#gotSum *= scale
    this.#startMs = nowMs
    return 1
  }

  #placeOf (tenant: string): number {
    const known = this.#index.get(tenant)
    if (known !== undefined) return known
    const place = this.#index.size < this.#places ? this.#index.size : this.#leastOfSome()
    const leaves = this.#names[place]
    if (leaves !== undefined) this.#index.delete(leaves)
    this.#names[place] = tenant
    this.#index.set(tenant, place)
    this.#askedSum -= this.#asked[place]!
    this.#gotSum -= this.#got[place]!
    this.#asked[place] = 0
    this.#got[place] = 0
    return place
  }

  /** The lightest of a few places, other ones each time. */
  #leastOfSome (): number {
    let least = this.#hand
    for (let step = 0; step < 8; step++) {
      if (this.#asked[this.#hand]! < this.#asked[least]!) least = this.#hand
      this.#hand = (this.#hand + 1) % this.#places
    }
    return least
  }

  /** Counts the tenants whose use has not faded to next to nothing. */
  #recount (weight: number, nowMs: number): void {
    const least = leastShare * this.#unitCost * weight
    this.#active = 0
    for (let place = 0; place < this.#index.size; place++) {
      if (this.#asked[place]! > least) this.#active++
    }
    this.#countedMs = nowMs
  }
}

/** After so long, use counts half, in milliseconds. */
export const halfLifeMs = 2_000

const recountMs = 50
/** A tenant with less use than this part of one unit is not about any more. */
const leastShare = 0.1
/** Nobody is heavy by a few units. */
const leastUnits = 5
