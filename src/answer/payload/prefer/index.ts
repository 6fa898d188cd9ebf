export type { AcceptedWork, AsyncResponder } from './async-responder.ts'
export { type Preferences, readPrefer } from './read-prefer.ts'
export { respondAsync } from './respond-async.ts'
