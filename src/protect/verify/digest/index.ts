export { BodyDigest } from './body-digest.ts'
export {
  contentDigest,
  type DigestAlgorithm,
  type ExpectedDigest,
  readContentDigest,
} from './content-digest.ts'
export { digestStream } from './digest-stream.ts'
