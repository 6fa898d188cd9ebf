import { problemMediaType } from '../../kernel/index.ts'
import type { FormatChooser } from './format/index.ts'
import { payloadProblems } from './problems.ts'
import type { ApiVersions } from './version/index.ts'

/** What an OpenAPI document says of a route's forms: plain data, to be merged into its operation. */
export interface PayloadDescription {
  /** For the operation's description; empty when there is nothing to say. */
  readonly text: string
  /** Request headers, as properties of a JSON schema. */
  readonly headers: Readonly<Record<string, unknown>>
  /** By status. */
  readonly responses: Readonly<Record<string, unknown>>
}

export interface DescribedParts {
  readonly formats: FormatChooser | undefined
  readonly versions: ApiVersions | undefined
}

export function describePayload ({ formats, versions }: DescribedParts): PayloadDescription {
  const sentences: string[] = []
  if (formats !== undefined) sentences.push(`Answers in ${formats.offered.join(', ')}, by \`Accept\`.`)
  if (versions !== undefined) {
    const { header, fallback } = versions
    sentences.push(`\`${header}\` names the version of the API; without it, it is ${fallback}.`)
  }
  const { NOT_ACCEPTABLE } = payloadProblems
  return {
    text: sentences.join(' '),
    headers: versions === undefined ?
      {} :
      { [versions.header]: { type: 'string', enum: versions.versions, default: versions.fallback } },
    responses: formats === undefined ? {} : {
      [NOT_ACCEPTABLE.status]: {
        description: `${NOT_ACCEPTABLE.title}: code ${NOT_ACCEPTABLE.code}.`,
        content: { [problemMediaType]: { schema: { type: 'object' } } },
      },
    },
  }
}
