export { JobStoreLackError, type PgBossLack, pgBossLacks } from './lacks.ts'
export { type PgBossJobStore, pgBossJobStore, type PgBossJobStoreOptions } from './pg-boss-store.ts'
