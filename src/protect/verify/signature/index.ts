export { type SignatureAlgorithm, signatureAlgorithms } from './algorithm.ts'
export type { Component } from './component.ts'
export { type FoundKey, type KeyQuestion, keySet, type KeySource } from './key-source.ts'
export {
  type KeyMaterial,
  type SigningKey,
  signingKey,
  type VerificationKey,
  verificationKey,
} from './key.ts'
export type { ReadPolicy, SignatureParameter, SignaturePolicy } from './policy.ts'
export { refuse, type SignatureReason, signatureReasons, type SignatureRefusal } from './reason.ts'
export { type SignatureHeaders, signRequest, type SignRequestOptions } from './sign-request.ts'
export {
  carriesSignature,
  type FieldLines,
  type IncomingHead,
  type SignedRequest,
  signedRequestOf,
} from './signed-request.ts'
export { readDictionary, type StructuredKind } from './structured-field.ts'
export { jwkThumbprint } from './thumbprint.ts'
export {
  SignatureVerifier,
  type SignatureVerifierOptions,
  type Verification,
  type VerifiedSignature,
} from './verifier.ts'
