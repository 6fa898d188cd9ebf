export type { AcceptedWork, AsyncResponder } from './async-responder.ts'
export { respondAsync } from './respond-async.ts'
