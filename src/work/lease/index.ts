export { LeaseLostError } from './errors.ts'
export { type KeptLease, LeaseKeeper, type LeaseKeeperOptions } from './lease-keeper.ts'
export {
  type HeldLease,
  holdLease,
  type LeaseHolder,
  type Leases,
  type LeasesOptions,
  openLeases,
} from './named-leases.ts'
