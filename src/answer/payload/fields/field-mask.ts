/**
 * The fields that a client asked for, in the handler's names: for reading no more than will be sent.
 */
export class FieldMask {
  /** Sorted, with dots into nested objects; one that is named whole has nothing named below it. */
  readonly paths: readonly string[]

  constructor (paths: readonly string[]) {
    this.paths = paths
  }

  /** Whether anything of a field will be sent: itself, something below it, or what it is part of. */
  has (field: string): boolean {
    return this.paths.some((path) =>
      path === field || path.startsWith(`${field}.`) || field.startsWith(`${path}.`)
    )
  }
}

/**
 * The columns to select for a mask.
 *
 * @param mask `undefined` for all of them
 * @param columns the columns or expressions that each field is made from, by the field's path; they go into SQL
 *   as they are, so that they have to come from your code
 * @returns each column once, in the order of `columns`
 */
export function selectList (
  mask: FieldMask | undefined,
  columns: Readonly<Record<string, string | readonly string[]>>
): readonly string[] {
  const wanted = Object.entries(columns).filter(([field]) => mask === undefined || mask.has(field))
  return [...new Set(wanted.flatMap(([, column]) => column))]
}
