// Writes the catalogue of docs/errors.md from the kinds of problems in the sources:
//   node --conditions=plimsoll-source scripts/errors-doc.ts           writes it
//   node --conditions=plimsoll-source scripts/errors-doc.ts --check   exits with 1 when it is stale
import { readFileSync, writeFileSync } from 'node:fs'
import { batchProblems } from '../src/answer/batch/index.ts'
import { payloadProblems } from '../src/answer/payload/index.ts'
import { resourceProblems } from '../src/answer/resource/index.ts'
import { pageProblems, poolProblems, replicaProblems } from '../src/data/index.ts'
import { type ExplainedProblemKind, problemType } from '../src/kernel/index.ts'
import { admissionProblems } from '../src/protect/admission/index.ts'
import { idempotencyProblems } from '../src/protect/idempotency/index.ts'
import { limitProblems } from '../src/protect/limit/index.ts'
import { verifyProblems } from '../src/protect/verify/index.ts'
import { listenProblems } from '../src/serve/listen/index.ts'
import { computeProblems, requestProblems } from '../src/serve/pipeline/index.ts'
import { jobRouteProblems } from '../src/serve/service/work/index.ts'
import { exportProblems } from '../src/work/exports/index.ts'
import { pressureProblems } from '../src/work/jobs/index.ts'
import { projectionProblems } from '../src/work/projections/index.ts'
import { sagaProblems } from '../src/work/saga/index.ts'

const groups: Readonly<Record<string, Readonly<Record<string, ExplainedProblemKind>>>> = {
  'Requests': { ...listenProblems, ...requestProblems },
  'Limits': limitProblems,
  'Overload': admissionProblems,
  'Idempotency keys': idempotencyProblems,
  'Signatures and bots': verifyProblems,
  'Payloads and batches': { ...payloadProblems, ...batchProblems },
  'Pages and resources': { ...pageProblems, ...resourceProblems },
  'Database and compute': { ...poolProblems, ...replicaProblems, ...computeProblems },
  'Work behind the request': {
    ...pressureProblems,
    ...jobRouteProblems,
    ...exportProblems,
    ...sagaProblems,
    ...projectionProblems,
  },
}

const file = new URL('../docs/errors.md', import.meta.url)
const begin = '<!-- errors: written by scripts/errors-doc.ts -->'
const end = '<!-- end of errors -->'

const written = readFileSync(file, 'utf8')
const fresh = withCatalogue(written)
if (process.argv.includes('--check')) {
  if (fresh !== written) {
    process.stderr.write(
      'docs/errors.md is stale; run: node --conditions=plimsoll-source scripts/errors-doc.ts\n'
    )
    process.exitCode = 1
  }
} else {
  writeFileSync(file, fresh)
}

function withCatalogue (text: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`docs/errors.md must hold "${begin}" and, after it, "${end}"`)
  const sections = Object.entries(groups).map(([title, kinds]) => section(title, Object.values(kinds)))
  return `${text.slice(0, from)}${begin}\n\n${sections.join('\n\n')}\n\n${text.slice(to)}`
}

function section (title: string, kinds: readonly ExplainedProblemKind[]): string {
  const sorted = kinds.toSorted((a, b) => a.status - b.status || a.code.localeCompare(b.code))
  return [`## ${title}`, ...sorted.map(entry)].join('\n\n')
}

function entry ({ code, status, title, when, remedy }: ExplainedProblemKind): string {
  return [
    `### ${code}`,
    `${status}, \`${problemType(code)}\`: ${title}.`,
    `It is answered when ${when}.`,
    remedy,
  ].join('\n\n')
}
