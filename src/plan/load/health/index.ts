export { pinThread } from './pin-thread.ts'
export { type ThreadFigures, ThreadWatch } from './thread-watch.ts'
export { type Conduct, judgeConduct } from './verdict.ts'
