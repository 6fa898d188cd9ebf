/** Measures again what was disturbed; the second result stands, whatever it is. */
export async function onceMore<Result> (
  measure: () => Promise<Result>,
  isSound: (result: Result) => boolean
): Promise<Result> {
  const first = await measure()
  return isSound(first) ? first : measure()
}
