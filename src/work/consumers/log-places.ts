import type { OutboxLog } from '../outbox/index.ts'

/** What a consumer's checkpoint of a part of the keys is called. */
export function placeName (consumer: string, incarnation: number, of: number, at: number): string {
  return `consumer ${consumer} ${incarnation} ${of}/${at}`
}

const placePattern = /^consumer (?<consumer>\S+) (?<incarnation>\d+) (?<of>\d+)\/\d+$/

interface Place {
  readonly name: string
  readonly incarnation: number
  readonly of: number
}

async function placesOf (log: OutboxLog, consumer: string): Promise<readonly Place[]> {
  return (await log.checkpoints.list()).flatMap(({ name }) => {
    const parts = placePattern.exec(name)?.groups
    if (parts?.['consumer'] !== consumer) return []
    return [{ name, incarnation: Number(parts['incarnation']), of: Number(parts['of']) }]
  })
}

/** Into how many parts the keys are divided, once that is settled. */
export async function layoutOf (
  log: OutboxLog,
  consumer: string,
  incarnation: number
): Promise<number | undefined> {
  const own = (await placesOf(log, consumer)).filter((place) => place.incarnation === incarnation)
  return own.length === 0 ? undefined : Math.min(...own.map(({ of }) => of))
}

/** What nobody reads from any more would keep the log from being cut off. */
export async function forgetOthers (
  log: OutboxLog,
  consumer: string,
  incarnation: number,
  of: number
): Promise<void> {
  for (const place of await placesOf(log, consumer)) {
    const isOwn = place.incarnation === incarnation && place.of === of
    if (!isOwn && place.incarnation <= incarnation) await log.checkpoints.remove(place.name)
  }
}
