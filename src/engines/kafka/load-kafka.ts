import { loadPackage } from '../load-package.ts'

/** The package `@platformatic/kafka`, whole: publishers and sources make their own clients of it. */
export type Kafka = typeof import('@platformatic/kafka')

/** @throws EngineMissingError when the package is not installed */
export function loadKafka (load: () => Promise<Kafka> = () => import('@platformatic/kafka')): Promise<Kafka> {
  return loadPackage('kafka', '@platformatic/kafka', load)
}
