export { notifyLine, type NotifyLineOptions } from './notify-line.ts'
export { Switchboard } from './switchboard.ts'
export type { WakeCall, WakeLine } from './wake-line.ts'
