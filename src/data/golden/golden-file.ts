import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { type Decision, PlanFileError } from '../plans/index.ts'

/** What a request did when it was right, statement by statement. */
export type GoldenRecord = Readonly<Record<string, GoldenStatement>>

export interface GoldenStatement {
  readonly count: number
  /** `undefined` for one without a plan, such as DDL. */
  readonly plan?: readonly Decision[]
}

type GoldenPaths = Readonly<Record<string, GoldenRecord>>

const version = 1
const lastWrites = new Map<string, Promise<void>>()

/** @returns `undefined` when the file, or the path in it, is not there. @throws PlanFileError for another file */
export async function readGolden (file: string, path: string): Promise<GoldenRecord | undefined> {
  await lastWrites.get(file)
  const paths = await readAll(file)
  return Object.hasOwn(paths, path) ? paths[path] : undefined
}

/** Replaces one path in the file, and leaves the others. */
export function writeGolden (file: string, path: string, record: GoldenRecord): Promise<void> {
  // Tests of one file may run at the same time.
  const write = (lastWrites.get(file) ?? Promise.resolve()).catch(() => {}).then(async () => {
    await writeFile(file, goldenText({ ...await readAll(file), [path]: record }))
  })
  lastWrites.set(file, write)
  return write
}

async function readAll (file: string): Promise<GoldenPaths> {
  if (!existsSync(file)) return {}
  try {
    const content = JSON.parse(await readFile(file, 'utf8')) as { version?: unknown; paths?: GoldenPaths }
    if (content.version !== version || typeof content.paths !== 'object') {
      throw new Error(`it has no version ${version}`)
    }
    return content.paths
  } catch (error) {
    throw new PlanFileError(file, error instanceof Error ? error.message : String(error), error)
  }
}

/** Sorted, and a decision a line, so that a change reads well in a review. */
function goldenText (paths: GoldenPaths): string {
  const blocks = Object.keys(paths).toSorted().map((path) => {
    const statements = Object.entries(paths[path] ?? {}).map(([statement, { count, plan }]) => {
      const lines = plan?.map((decision) => `        ${JSON.stringify(decision)}`).join(',\n')
      const text = lines === undefined ? '' : `, "plan": [\n${lines}\n      ]`
      return `      ${JSON.stringify(statement)}: { "count": ${count}${text} }`
    })
    return `    ${JSON.stringify(path)}: {\n${statements.join(',\n')}\n    }`
  })
  return `{\n  "version": ${version},\n  "paths": {\n${blocks.join(',\n')}\n  }\n}\n`
}
