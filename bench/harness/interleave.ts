/**
 * The order in which the subjects of one round run: A B C in even rounds, C B A in odd ones.
 *
 * Neighbours in time share the machine's mood, and a drift over the run (a clock that heats up, a busy
 * neighbour) hits each subject alike.
 *
 * @param round from 0
 */
export function roundOrder<T> (subjects: readonly T[], round: number): readonly T[] {
  return round % 2 === 0 ? subjects : subjects.toReversed()
}

/**
 * Runs every subject once a round, in `roundOrder`.
 *
 * @returns for each subject, its measurements in the order of the rounds
 */
export async function interleave<T, M> (
  subjects: readonly T[],
  rounds: number,
  measure: (subject: T, round: number) => Promise<M>
): Promise<Map<T, M[]>> {
  const measured = new Map(subjects.map((subject): [T, M[]] => [subject, []]))
  for (let round = 0; round < rounds; round++) {
    for (const subject of roundOrder(subjects, round)) {
      measured.get(subject)?.push(await measure(subject, round))
    }
  }
  return measured
}
