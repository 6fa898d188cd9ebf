import { explainProblems, type ProblemKinds } from '../../kernel/index.ts'

/** What is refused before it is a request that a handler could see. */
export const listenProblems: ProblemKinds<ListenProblemCode> = explainProblems({
  MALFORMED_REQUEST: [
    400,
    'The request is not valid HTTP',
    'the request line, a header or the framing of the body breaks HTTP',
    'Look at what the client writes to the wire; a library would not send it.',
  ],
  REQUEST_TIMEOUT: [
    408,
    'The request took too long to arrive',
    'the headers took longer than `limits.headersTimeout`, or the whole longer than `limits.requestTimeout`',
    'Send the request in one go; raise the limits for slow uploads.',
  ],
  CHUNK_EXTENSIONS_TOO_LARGE: [
    413,
    'The chunk extensions of the body are larger than the service accepts',
    'the chunk extensions of a body exceed what Node.js accepts',
    'Send no chunk extensions; nobody reads them.',
  ],
  HEADERS_TOO_LARGE: [
    431,
    'The request headers are larger than the service accepts',
    'request line and headers together exceed `limits.headerSize`',
    'Send fewer or smaller headers, most often cookies; or raise the limit.',
  ],
})

export type ListenProblemCode =
  | 'MALFORMED_REQUEST'
  | 'REQUEST_TIMEOUT'
  | 'CHUNK_EXTENSIONS_TOO_LARGE'
  | 'HEADERS_TOO_LARGE'
