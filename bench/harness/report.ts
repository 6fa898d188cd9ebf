import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { fileURLToPath } from 'node:url'
import type { BenchmarkOutcome } from './benchmark.ts'
import type { Check } from './check.ts'
import { renderTable } from './table.ts'
import { cores, pinning } from './tools.ts'

const resultsFolder = fileURLToPath(new URL('../results/', import.meta.url))

/** The file `bench/results/NAME.json`. */
export interface Report extends BenchmarkOutcome {
  readonly name: string
  readonly quick: boolean
  /** When the run ended, ISO 8601. */
  readonly endedAt: string
  readonly seconds: number
  readonly machine: Readonly<Record<string, string | number>>
}

/** @param startedMs, endedMs milliseconds since the epoch */
export function reportOf (
  name: string,
  outcome: BenchmarkOutcome,
  { quick, startedMs, endedMs }: { quick: boolean; startedMs: number; endedMs: number }
): Report {
  return {
    name,
    checks: outcome.checks,
    quick,
    endedAt: new Date(endedMs).toISOString(),
    seconds: Math.round((endedMs - startedMs) / 1000),
    machine: machine(),
    versions: { node: process.version, ...outcome.versions },
    notes: outcome.notes,
    tables: outcome.tables,
    measurements: outcome.measurements,
  }
}

/** @returns the file's name */
export function writeReport (report: Report): string {
  mkdirSync(resultsFolder, { recursive: true })
  writeFileSync(`${resultsFolder}${report.name}.json`, reportJson(report))
  return `bench/results/${report.name}.json`
}

export function reportJson (report: Report): string {
  return `${JSON.stringify(report, undefined, 2)}\n`
}

/** The report for a terminal. */
export function reportText (report: Report): string {
  return [
    ...report.tables.map(renderTable),
    ...report.checks.map(showCheck),
    '',
    ...report.notes.map((note) => `- ${note}`),
    ...(report.quick ? ['- A quick run: it shows that the benchmark works; its figures mean little.'] : []),
    '',
  ].join('\n')
}

function showCheck ({ name, value, unit, target, ok }: Check): string {
  return `${ok ? 'ok    ' : 'MISSED'} ${name}: ${
    Number.isNaN(value) ? 'not measured' : `${Number(value.toFixed(3))} ${unit}`
  } (target ${target})`
}

function machine (): Record<string, string | number> {
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    pinning: pinning().text,
    // The two settings of the kernel that decide what a reload loses; see docs/benchmarks.md.
    tcpMigrateReq: readSetting('net/ipv4/tcp_migrate_req'),
    somaxconn: readSetting('net/core/somaxconn'),
  }
}

function readSetting (name: string): string {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
