import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A line of the user's code. */
export interface CallSite {
  /** Below the working directory, where it is; else as a whole. */
  readonly file: string
  readonly line: number
  readonly column: number
  /** As the stack names it; empty for one without a name. */
  readonly function: string
  /** Who called it, nearest first, as `file:line`; at most 3, of the user's code only. */
  readonly callers: readonly string[]
}

/** Deep enough for a query builder on a driver on a framework. */
const frameLimit = 50

const ownFolder = fileURLToPath(new URL('../../', import.meta.url))
/** `at name (place:1:2)`, `at async name (...)` or `at place:1:2`. */
const frame = /^\s*at (?:async )?(?:(.*) \()?((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/]).*?):(\d+):(\d+)\)?$/

/**
 * The line of the user's code that the caller runs for: the first frame that is neither of a package, nor of Node, nor
 * of Plimsoll. It sees through `await`, `Promise.all` and libraries that use them (V8's asynchronous stack traces), not
 * through callbacks and event emitters. Takes about 30 microseconds.
 *
 * @param isOurs whether a path is of what stands between the user and the database
 * @returns `undefined` where no such frame is left
 * @see https://v8.dev/docs/stack-trace-api and https://v8.dev/blog/fast-async
 */
export function captureCallSite (isOurs: (path: string) => boolean = isNoUserCode): CallSite | undefined {
  const holder: { stack?: string } = {}
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = frameLimit
  Error.captureStackTrace(holder, captureCallSite)
  // Read with the limit still up: the text is made at the first read.
  const { stack = '' } = holder
  Error.stackTraceLimit = limit
  return callSiteIn(stack, isOurs)
}

/** {@link captureCallSite} of a given stack. */
export function callSiteIn (stack: string, isOurs: (path: string) => boolean): CallSite | undefined {
  let site: (CallSite & { callers: string[] }) | undefined
  for (const text of stack.split('\n')) {
    const found = frame.exec(text)
    if (found === null) continue
    const [, name = '', place = '', line, column] = found
    const path = place.startsWith('file://') ? pathOf(place) : place
    if (isOurs(path)) continue
    const file = shortened(path)
    if (site === undefined) {
      site = { file, line: Number(line), column: Number(column), function: name, callers: [] }
    } else if (site.callers.push(`${file}:${line}`) === 3) break
  }
  return site
}

/** `file:line`, as people and editors read it. */
export function placeOf (site: CallSite | undefined): string {
  return site === undefined ? 'an unknown place' : `${site.file}:${site.line}`
}

function isNoUserCode (path: string): boolean {
  // Our own tests use the package as anybody does.
  return /[\\/]node_modules[\\/]/.test(path) ||
    (path.startsWith(ownFolder) && !/\.(?:test|fixture)\.[jt]s$/.test(path))
}

function pathOf (url: string): string {
  try {
    return fileURLToPath(url)
  } catch {
    return url
  }
}

function shortened (path: string): string {
  const short = relative(process.cwd(), path)
  return short === '' || short.startsWith('..') ? path : short
}
