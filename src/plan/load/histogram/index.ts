export { type Distribution, distributionOf } from './distribution.ts'
export { Histogram, type HistogramData } from './histogram.ts'
