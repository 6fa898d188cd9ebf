export { type Admin, type AdminAddress, type AdminOptions, openAdmin } from './admin.ts'
export { AdminListenError } from './errors.ts'
export { type MetricsAnswer } from './handler.ts'
