/** A kind of problem: what a client can match on and a page can explain. */
export interface ProblemKind {
  /** Stable over releases, upper snake case, e.g. `BODY_TOO_LARGE`. */
  readonly code: string
  /** HTTP status, 400 to 599. */
  readonly status: number
  /** A short summary that does not change from case to case. */
  readonly title: string
}

/** A kind that the error catalogue explains (docs/errors.md): every kind that Plimsoll itself answers. */
export interface ExplainedProblemKind extends ProblemKind {
  /** When it is answered, as the end of "It is answered when ...". */
  readonly when: string
  /** What the client, or the service's team, does about it: one sentence. */
  readonly remedy: string
}

/** The members of a problem document. @see https://www.rfc-editor.org/rfc/rfc9457#section-3.1 */
export interface ProblemDocument {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail?: string
  readonly instance?: string
  readonly [extension: string]: unknown
}

export const problemMediaType = 'application/problem+json'

/** What makes one case of a problem differ from the next. */
export interface ProblemDetails {
  /** What went wrong this time, for the client's developer; never an internal of the service. */
  readonly detail?: string
  /** Further members of the document, e.g. `{ retryAfterSeconds: 2 }`. */
  readonly extensions?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/**
 * A failure that the client may know about, answered as a problem document. Throw one from a handler to
 * choose what the client sees; any other error is answered as `INTERNAL_ERROR` without its message.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code: string
  readonly statusCode: number
  readonly title: string
  readonly detail: string | undefined
  readonly extensions: Readonly<Record<string, unknown>>

  constructor (kind: ProblemKind, { detail, extensions = {}, cause }: ProblemDetails = {}) {
    super(detail ?? kind.title, cause === undefined ? undefined : { cause })
    this.code = kind.code
    this.statusCode = kind.status
    this.title = kind.title
    this.detail = detail
    this.extensions = extensions
  }

  /** The document to send. Extensions cannot overwrite the standard members. */
  toDocument (): ProblemDocument {
    const { code, statusCode: status, title, detail, extensions } = this
    return problemDocument({ code, status, title }, { detail, extensions })
  }
}

/**
 * The document of one case, for an answer that nobody throws: an error beside it would cost more than all the rest of a
 * refusal.
 */
export function problemDocument (
  { code, status, title }: ProblemKind,
  { detail, extensions }: Pick<ProblemDetails, 'detail' | 'extensions'> = {}
): ProblemDocument {
  return {
    ...extensions,
    type: problemType(code),
    title,
    status,
    code,
    ...(detail === undefined ? {} : { detail }),
  }
}

/** The kinds of one capability, by code. */
export type ProblemKinds<Code extends string> = Readonly<Record<Code, ExplainedProblemKind>>

/** One row of {@link explainProblems}. */
export type ProblemRow = readonly [status: number, title: string, when: string, remedy: string]

/** Makes the kinds of one capability from its table of codes. */
export function explainProblems<Code extends string> (
  rows: Readonly<Record<Code, ProblemRow>>
): ProblemKinds<Code> {
  const kinds = Object.entries<ProblemRow>(rows).map(([code, [status, title, when, remedy]]) => [
    code,
    { code, status, title, when, remedy },
  ])
  return Object.fromEntries(kinds) as ProblemKinds<Code>
}

/** The `type` of a problem document: a URN, so that it names without pretending to be a page. */
export function problemType (code: string): string {
  return `urn:plimsoll:problem:${code.toLowerCase().replaceAll('_', '-')}`
}
