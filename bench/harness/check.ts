/** One promise, judged by one figure. */
export interface Check {
  readonly name: string
  readonly value: number
  /** What `value` counts: 'ratio', 'requests', 'bytes' ... */
  readonly unit: string
  /** The bound in words of arithmetic: '>= 0.9', '<= 0'. */
  readonly target: string
  readonly ok: boolean
}

/** A figure that has to reach `bound`. Not a number fails: a check that measured nothing proves nothing. */
export function atLeast (name: string, value: number, unit: string, bound: number): Check {
  return { name, value, unit, target: `>= ${bound}`, ok: value >= bound }
}

/** A figure that must not pass `bound`. Not a number fails. */
export function atMost (name: string, value: number, unit: string, bound: number): Check {
  return { name, value, unit, target: `<= ${bound}`, ok: value <= bound }
}
