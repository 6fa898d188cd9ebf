export type { WakeCall, WakeLine } from './wake-line.ts'
