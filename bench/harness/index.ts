export { type Benchmark, type BenchmarkOptions, type BenchmarkOutcome } from './benchmark.ts'
export { atLeast, atMost, type Check } from './check.ts'
export { interleave, roundOrder } from './interleave.ts'
export { installPeers, packageVersion, peersFolder } from './peers.ts'
export { plimsollAddress, type PlimsollOptions, plimsollServe } from './plimsoll.ts'
export { cpuSeconds, hasProc, type Memory, processTree, treeMemory } from './process-tree.ts'
export { type Report, reportJson, reportOf, reportText, writeReport } from './report.ts'
export { scratchFolder } from './scratch.ts'
export {
  type Address,
  plainAddress,
  type Server,
  type ServerCommand,
  ServerStartError,
  startServer,
} from './server.ts'
export { median, quantile, ratio, summarize, type Summary } from './statistics.ts'
export { renderTable, showCount, showRange, type Table } from './table.ts'
export { findTool, type Pinning, pinning, ToolMissingError, versionOf } from './tools.ts'
