import { createHash } from 'node:crypto'

/** How many causes down the deepest one is looked for. */
const deepest = 8

/** Longest piece of a message that counts. */
const messageLimit = 300

/**
 * Says which failures are the same one: the same from job to job, from process to process and from release to release,
 * as long as its kind, the sense of its message and the function that threw it stay.
 *
 * Of an error and of its deepest cause it takes the name, `code` and `status`, the first line of the message without what
 * names a case (numbers, ids, dates, addresses, quoted values), and the function and file of the topmost frame outside of
 * `node_modules` and Node itself: no directories, no lines, no columns.
 *
 * An error with a string `fingerprint` of its own is grouped by that and nothing else.
 *
 * @returns 12 hexadecimal digits
 */
export function failureFingerprint (error: unknown): string {
  const own = fieldOf(error, 'fingerprint')
  const traits = typeof own === 'string' && own !== '' ?
    ['own', own] :
    [...traitsOf(error), ...causeOf(error).flatMap(traitsOf)]
  return createHash('sha256').update(JSON.stringify(traits)).digest('hex').slice(0, 12)
}

/** A message without what names a case, as it counts for the fingerprint. */
export function messageShape (message: string): string {
  const [line = ''] = message.split('\n', 1)
  return replacements
    .reduce((text, [pattern, mark]) => text.replaceAll(pattern, mark), line.slice(0, 2_000))
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, messageLimit)
}

/** The function and file that threw: `charge@payments`; empty where the stack shows none of the service's own. */
export function originOf (stack: string | undefined): string {
  for (const line of stack?.split('\n') ?? []) {
    const [, called = '', file = ''] = frame.exec(line) ?? []
    if (file === '' || foreign.test(file)) continue
    const name = called.replace(/ \[as [^\]]*\]$/, '').split('.').at(-1) ?? ''
    const stem = file.split(/[\\/]/).at(-1)?.replace(/\.[cm]?[jt]sx?(?:\?.*)?$/, '') ?? ''
    return `${name === '<anonymous>' ? '' : name}@${stem}`
  }
  return ''
}

const frame = /^\s+at (?:async )?(?:(?:new )?(.+?) \()?((?:file:\/\/|[A-Za-z]:[\\/]|\/)[^()]*?):\d+:\d+\)?$/
const foreign = /[\\/]node_modules[\\/]/

/** In this order: what a later one would tear apart comes first. */
const replacements: readonly (readonly [pattern: RegExp, mark: string])[] = [
  [/\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, '<address>'],
  [/\b([a-z][a-z\d+.-]*:\/\/[^\s/?#"'<>)]+)[^\s"'<>)]*/gi, '$1'],
  [/\b[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}\b/gi, '<id>'],
  // Names of tables and constraints are quoted, too, and say what kind of failure it is.
  [/"(?![a-z_][a-z_.]*")[^"]*"/g, '"<value>"'],
  [/(?<=^|[\s(:=,[])'[^']*'(?=$|[\s).,;:!?\]])/g, "'<value>'"],
  [/(?<=^|[\s(:=,[])`[^`]*`(?=$|[\s).,;:!?\]])/g, '`<value>`'],
  // Whatever has a digit in it, and what is too long and too mixed for a word.
  [/[\w+/=:.-]*\d[\w+/=:-]*(?:\.\d[\w:-]*)*/g, '<id>'],
  [/\b(?=\w*[a-z]\w*[A-Z]\w*[a-z]\w*[A-Z])\w{20,}\b/g, '<id>'],
]

function traitsOf (error: unknown): readonly string[] {
  if (typeof error !== 'object' || error === null)
    return [typeof error, messageShape(String(error)), '', '', '']
  const [name, code, message, stack] = ['name', 'code', 'message', 'stack'].map((key) => fieldOf(error, key))
  const status = fieldOf(error, 'statusCode') ?? fieldOf(error, 'status')
  return [
    typeof name === 'string' ? name : 'object',
    typeof message === 'string' ? messageShape(message) : '',
    typeof code === 'string' || typeof code === 'number' ? String(code) : '',
    typeof status === 'number' ? String(status) : '',
    originOf(typeof stack === 'string' ? stack : undefined),
  ]
}

/** The deepest cause, or the first of several errors; none, for an error that has none. */
function causeOf (error: unknown): readonly unknown[] {
  let found = error
  for (let depth = 0; depth < deepest; depth++) {
    const several = fieldOf(found, 'errors')
    const next = Array.isArray(several) && several.length > 0 ?
      several[0] as unknown :
      fieldOf(found, 'cause')
    if (next === undefined || next === null) break
    found = next
  }
  return found === error ? [] : [found]
}

/** A field that may be a getter that throws: what fails here must still be told. */
function fieldOf (value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  try {
    return (value as Record<string, unknown>)[key]
  } catch {
    return undefined
  }
}
