import type { Output, Surroundings } from './surroundings.ts'

/** How a piece of text stands out on a terminal. */
export type Accent = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

const codes: Readonly<Record<Accent, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
}

export type Paint = (accent: Accent, text: string) => string

/**
 * Colours text for a person at a terminal, and leaves it alone for everybody else.
 *
 * @see https://no-color.org and https://force-color.org
 */
export function painter (output: Output, { env }: Pick<Surroundings, 'env'>): Paint {
  const isForced = (env['FORCE_COLOR'] ?? '0') !== '0'
  const isPlain = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb' || output.isTTY !== true
  if (isPlain && !isForced) return (_, text) => text
  return (accent, text) => `\u001b[${codes[accent][0]}m${text}\u001b[${codes[accent][1]}m`
}
