export { type Generator, type LoadOptions, type LoadResult } from './closed-loop.ts'
export { pickGenerator } from './pick-generator.ts'
export { preparedRequests, sampledOneIn, traceparents } from './request-ring.ts'
export { type ReadResponse, ResponseReader } from './response-reader.ts'
