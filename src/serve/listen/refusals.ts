import type { ProblemKind } from '../../kernel/index.ts'

/** What is refused before it is a request that a handler could see. */
export const malformedRequest: ProblemKind = {
  code: 'MALFORMED_REQUEST',
  status: 400,
  title: 'The request is not valid HTTP',
}

export const requestTimeout: ProblemKind = {
  code: 'REQUEST_TIMEOUT',
  status: 408,
  title: 'The request took too long to arrive',
}

export const chunkExtensionsTooLarge: ProblemKind = {
  code: 'CHUNK_EXTENSIONS_TOO_LARGE',
  status: 413,
  title: 'The chunk extensions of the body are larger than the service accepts',
}

export const headersTooLarge: ProblemKind = {
  code: 'HEADERS_TOO_LARGE',
  status: 431,
  title: 'The request headers are larger than the service accepts',
}
