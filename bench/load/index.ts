export { type ReadResponse, ResponseReader } from '../../src/plan/load/index.ts'
export { type Generator, type LoadOptions, type LoadResult } from './closed-loop.ts'
export { pickGenerator } from './pick-generator.ts'
export { preparedRequests, sampledOneIn, traceparents } from './request-ring.ts'
