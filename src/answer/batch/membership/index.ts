export { type BatchMembership, batchMembershipOf, joinBatch } from './membership.ts'
