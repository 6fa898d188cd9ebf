export interface PrettyOptions {
  /** Whether to colour the level. */
  readonly color: boolean
}

const colors: Readonly<Record<string, number>> = {
  trace: 90,
  debug: 36,
  info: 32,
  warn: 33,
  error: 31,
  fatal: 35,
}

/** Fields that the line shows elsewhere, or that only machines need. */
const hidden: ReadonlySet<string> = new Set([
  'level',
  'time',
  'msg',
  'name',
  'pid',
  'hostname',
  'trace_id',
  'span_id',
  'err',
])

/**
 * Writes log lines for people: time, level, message, then the fields as `key=value`, and an error's stack
 * on lines of its own. Control characters are escaped: what a client sent must not steer the terminal. A
 * line that is not one of ours is passed on as it is.
 */
export function prettyDestination (
  out: { write(text: string): unknown },
  { color }: PrettyOptions
): { write(line: string): void } {
  return {
    write (line) {
      out.write(prettyLine(line, color))
    },
  }
}

function prettyLine (line: string, color: boolean): string {
  const fields = readFields(line)
  if (fields === undefined) return line
  const { level, time, msg, err } = fields
  const word = String(level).toUpperCase().padEnd(5)
  const shown = color ? `\u001b[${colors[String(level)] ?? 0}m${word}\u001b[0m` : word
  const parts = [String(time).slice(11, 23), shown, ...typeof msg === 'string' ? [visible(msg)] : []]
  for (const [key, value] of Object.entries(fields)) {
    if (!hidden.has(key)) parts.push(visible(`${key}=${showValue(value)}`))
  }
  return `${parts.join(' ')}\n${showError(err)}`
}

function readFields (line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const fields: unknown = JSON.parse(line)
    return typeof fields === 'object' && fields !== null && 'level' in fields && 'time' in fields ?
      { ...fields } :
      undefined
  } catch {
    return undefined
  }
}

/** Quoted only where it could be misread. */
function showValue (value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
}

function showError (error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { stack, message } = error as { readonly stack?: unknown; readonly message?: unknown }
  const text = typeof stack === 'string' && stack !== '' ? stack : String(message)
  return text.split('\n').map((line) => `    ${visible(line.trimStart())}\n`).join('')
}

/** DEL and the C1 characters are among them: some terminals obey those too. */
function visible (text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    return character === '\n' ? '\\n' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
