export * from './migrate/index.ts'
export * from './pool/index.ts'
export * from './transaction/index.ts'
