import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

/** How many faults a message names. */
const faultsNamed = 3
/** What is kept of a saga is written anew with each transition. In characters of JSON. */
const longest = 1_048_576
/** PostgreSQL's jsonb takes neither NUL nor halves of surrogate pairs, and JSON.stringify writes these escaped. */
const unstorable = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/

/** @returns what says of a value why it does not fit the schema, or cannot be stored; `undefined` when it can */
export function flawFinder (schema: TSchema): (value: unknown) => string | undefined {
  const validator = Compile(schema)
  return (value) => {
    if (!validator.Check(value)) {
      return validator.Errors(value).slice(0, faultsNamed)
        .map(({ instancePath, message }) => `${instancePath === '' ? 'it' : instancePath} ${message}`).join(
          '; '
        )
    }
    const text = JSON.stringify(value) ?? 'null'
    if (text.length > longest) return `it is longer than ${longest} characters of JSON; keep it in a table`
    return text.includes('\\u') && unstorable.test(text) ?
      'a text holds NUL or half of a surrogate pair' :
      undefined
  }
}
