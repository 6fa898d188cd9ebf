export { OpenedOn } from './opened-on.ts'
export {
  type Isolation,
  poolOf,
  type Transaction,
  transaction,
  type TransactionOptions,
} from './transaction.ts'
