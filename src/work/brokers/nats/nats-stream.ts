import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream'
import { SettingError } from '../../../kernel/index.ts'

/** The stream that keeps a service's events. The same for its publisher and its consumers. */
export interface NatsStreamOptions {
  /** Letters, digits, `-` and `_`. @default 'events' */
  readonly stream?: string
  /** Subjects are this and, behind a dot, the event's type: `events.order.placed`. @default the stream's name */
  readonly subjects?: string
  /**
   * What the stream is made with where there is none: how many replicas, how old and how large it may get, how long
   * duplicates are known. A stream that is there stays as it is. `false`: there is one, or it is an error.
   *
   * @default in files, one replica, no limits, duplicates known for 2 minutes
   */
  readonly create?: Partial<Omit<StreamConfig, 'name' | 'subjects'>> | false
}

export interface NatsStreamPlace {
  readonly stream: string
  readonly subjects: string
  readonly create: Partial<StreamConfig> | false
}

/** @throws SettingError for a name that NATS does not take */
export function resolveNatsStream (options: NatsStreamOptions): NatsStreamPlace {
  const { stream = 'events', subjects = stream, create = {} } = options
  if (!/^[\w-]{1,100}$/.test(stream)) {
    throw new SettingError('nats.stream', 'letters, digits, "-" and "_", at most 100', stream)
  }
  if (!/^[\w-]+(\.[\w-]+)*$/.test(subjects)) {
    throw new SettingError(
      'nats.subjects',
      'names of letters, digits, "-" and "_", separated by dots',
      subjects
    )
  }
  return { stream, subjects, create }
}

/** `order.placed` below `events.`, whatever text a type is. */
export function subjectOf ({ subjects }: NatsStreamPlace, type: string): string {
  const tokens = type.split('.').map((token) =>
    token === '' ? '%' : safeText(token).replace(/[*>]/g, encodeStar)
  )
  return `${subjects}.${tokens.join('.')}`
}

/** Text for a header or a subject: what is not printable ASCII, blanks and `%` are percent-encoded. */
export function safeText (text: string): string {
  return text.toWellFormed().replace(/[^\x21-\x24\x26-\x7e]+/g, encodeURIComponent)
}

/** What {@link safeText} was given; text that is not of its making as it is. */
export function plainText (text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Makes sure that the stream is there. */
export async function ensureStream (manager: JetStreamManager, place: NatsStreamPlace): Promise<void> {
  try {
    await manager.streams.info(place.stream)
    return
  } catch (error) {
    if (place.create === false || !isNotFound(error)) throw error
  }
  await manager.streams.add({ ...place.create, name: place.stream, subjects: [`${place.subjects}.>`] })
}

export function isNotFound (error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status === 404
}

function encodeStar (star: string): string {
  return star === '*' ? '%2A' : '%3E'
}
