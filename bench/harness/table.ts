import type { Summary } from './statistics.ts'

/** Rows of text under a heading; the first column is flush left, the others flush right. */
export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Writes a table for a terminal that is also Markdown. */
export function renderTable ({ title, columns, rows }: Table): string {
  const widths = columns.map((column, at) =>
    Math.max(3, column.length, ...rows.map((row) => (row[at] ?? '').length))
  )
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, at) => pad(cells[at] ?? '', width, at === 0)).join(' | ')} |`
  const rule = `| ${
    widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')
  } |`
  return [`### ${title}`, '', line(columns), rule, ...rows.map(line), ''].join('\n')
}

/** `1.00 [0.97-1.04]`: the median and the range of the rounds. */
export function showRange ({ median, low, high }: Summary, digits = 2): string {
  return `${median.toFixed(digits)} [${low.toFixed(digits)}-${high.toFixed(digits)}]`
}

/** `12,345`: whole, with separators, whatever the machine's language. */
export function showCount (value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function pad (text: string, width: number, left: boolean): string {
  return left ? text.padEnd(width) : text.padStart(width)
}
