export { saga } from './saga.ts'
