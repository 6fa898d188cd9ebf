/** A content coding that bodies can have, by its name on the wire. */
export type Coding = 'gzip' | 'br' | 'zstd'

/** All of them, the one that gives most for its CPU time first. */
export const codings: readonly Coding[] = ['zstd', 'br', 'gzip']

export function isCoding (name: string): name is Coding {
  return name === 'gzip' || name === 'br' || name === 'zstd'
}

const levels: Readonly<Record<Coding, readonly [cheap: number, middle: number, best: number]>> = {
  gzip: [1, 4, 6],
  br: [1, 3, 5],
  zstd: [1, 3, 6],
}

/** Below this share of free CPU nothing is compressed: bytes are then cheaper than time. */
export const leastHeadroom = 0.05

/**
 * How hard to compress.
 *
 * @param headroom the share of CPU time that is free, 0 to 1
 * @returns the coding's own level: cheap below 0.25, middle below 0.6, else the best that pays for a body that is
 *   sent once
 */
export function levelFor (coding: Coding, headroom: number): number {
  const [cheap, middle, best] = levels[coding]
  return headroom < 0.25 ? cheap : headroom < 0.6 ? middle : best
}
