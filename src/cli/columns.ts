/**
 * Rows as aligned columns, two spaces apart, without spaces at their ends.
 *
 * @param right columns that are aligned to the right, by their position
 */
export function columns (rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, at) => widths[at] = Math.max(widths[at] ?? 0, visibleLength(cell)))
  return rows.map((row) =>
    row.map((cell, at) => {
      const gap = ' '.repeat((widths[at] ?? 0) - visibleLength(cell))
      return right.includes(at) ? gap + cell : cell + gap
    }).join('  ').trimEnd()
  )
}

// oxlint-disable-next-line no-control-regex -- colours take no room
const colour = /\u001b\[\d+m/g

function visibleLength (cell: string): number {
  return cell.replaceAll(colour, '').length
}
