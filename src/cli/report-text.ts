/** Coarse, for people: 45s, 12m, 3h, 5d. */
export function age (ms: number): string {
  const units = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const
  const [unit, size] = units.find(([, size]) => ms >= size) ?? ['s', 1_000]
  return `${Math.max(0, Math.floor(ms / size))}${unit}`
}

/** @param ms epoch milliseconds */
export function time (ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** JSON over several lines; any other text as it is. */
export function pretty (text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

export function indented (text: string): string[] {
  return text.split('\n').map((line) => `  ${line}`)
}

/** At most 100 characters of it. */
export function firstLine (text: string): string {
  const [line = ''] = text.split('\n', 1)
  return line.length <= 100 ? line : `${line.slice(0, 99)}…`
}

export function amount (count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

export function lines (texts: readonly string[]): string {
  return `${texts.join('\n')}\n`
}
