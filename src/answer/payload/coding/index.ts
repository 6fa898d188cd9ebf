export { type CodingChoice, CodingChooser } from './accept-encoding.ts'
export { type Coding, codings, isCoding, leastHeadroom, levelFor } from './coding.ts'
export { isCompressible, mediaTypeOf } from './compressible.ts'
export { decodeBodies, type DecodeRules } from './decode-bodies.ts'
export {
  encodeAnswers,
  encodeHeads,
  type EncodeParts,
  type EncodeRules,
  type OnEncoded,
} from './encode-answers.ts'
export { bodyEncoder, encodeBody, encodeBodyNow } from './encode-body.ts'
export { plainTag, variantTag } from './entity-tag.ts'
