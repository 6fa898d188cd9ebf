import { explainProblems, type ProblemKinds } from '../../kernel/index.ts'

export type PayloadProblemCode =
  | 'NOT_ACCEPTABLE'
  | 'MALFORMED_MESSAGE_PACK'
  | 'MALFORMED_CODING'
  | 'UNSUPPORTED_CODING'
  | 'DECODED_BODY_TOO_LARGE'
  | 'UNKNOWN_FIELD'
  | 'MALFORMED_FIELDS'
  | 'UNKNOWN_VERSION'
  | 'NOT_OF_VERSION'

/** What a payload that cannot be read, or an answer that cannot be made as asked for, is answered with. */
export const payloadProblems: ProblemKinds<PayloadProblemCode> = explainProblems({
  NOT_ACCEPTABLE: [
    406,
    'The route cannot answer in a form that the client accepts',
    'no media type in `Accept`, or no coding in `Accept-Encoding`, is one that the route can make',
    'Accept one of those that the problem lists, or send no such header.',
  ],
  MALFORMED_MESSAGE_PACK: [
    400,
    'The body is not valid MessagePack',
    'the body is cut off, too deep, or holds what JSON has no word for',
    'Send one value of nil, booleans, numbers, strings, arrays and maps with text as keys.',
  ],
  MALFORMED_CODING: [
    400,
    'The body does not decompress',
    'the bytes of the body are not what `Content-Encoding` says, or are cut off',
    'Send the body as the header says, or without it.',
  ],
  UNSUPPORTED_CODING: [
    415,
    'The body is compressed in a way that the route does not read',
    '`Content-Encoding` names a coding that is not known, or several',
    'Use one of those that `Accept-Encoding` in the response names, or none.',
  ],
  DECODED_BODY_TOO_LARGE: [
    413,
    'The body is too large once it is decompressed',
    "the decompressed body exceeds the route's `bodyLimit`",
    'Send less, in several requests if need be; or raise the limit.',
  ],
  UNKNOWN_FIELD: [
    400,
    'A field that was asked for does not exist',
    'a path in the query parameter `fields` is not in the response schema of the route',
    'Compare the path with the API description; the problem names those that exist beside it.',
  ],
  MALFORMED_FIELDS: [
    400,
    'The list of fields cannot be read',
    'the query parameter `fields` is empty, too long, or not a list of names and dots',
    'Send names separated by commas, with dots into nested objects: `fields=id,price.amount`.',
  ],
  UNKNOWN_VERSION: [
    400,
    'There is no such version of the API',
    'the header that names the version of the API holds none that the service knows',
    'Send one of those that the problem lists, or leave the header out.',
  ],
  NOT_OF_VERSION: [
    400,
    'The request is not one of its version of the API',
    'a request of an older version cannot be made into one of today, because something in it is missing or wrong',
    'Compare the request with the description of the version that it names.',
  ],
})
