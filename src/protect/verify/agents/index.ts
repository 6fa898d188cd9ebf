export {
  AgentDirectory,
  type AgentDirectoryOptions,
  type DirectoryOutcome,
  directoryOutcomes,
} from './agent-directory.ts'
export {
  agentTag,
  type AgentVerification,
  AgentVerifier,
  type AgentVerifierOptions,
} from './agent-verifier.ts'
export { isPublicAddress } from './public-address.ts'
