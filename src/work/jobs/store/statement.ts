import { statementName } from '../../../data/index.ts'

/** A statement that a connection prepares once. */
export interface Statement {
  readonly name: string
  readonly text: string
}

export function statement (text: string): Statement {
  return { name: statementName('job', text), text }
}

/** For what can be lost in a crash of the server without harm. */
export const unflushed = `set_config('synchronous_commit', 'off', true)`

/** A parameter of milliseconds, from now. */
export function msFromNow (parameter: string): string {
  return `now() + ${parameter}::float8 * interval '1 ms'`
}

/** An expression of epoch milliseconds, as a time. */
export function timeOf (ms: string): string {
  return `'epoch'::timestamptz + (${ms})::float8 * interval '1 ms'`
}

/** A time, as whole epoch milliseconds. `date_part` computes in binary, which costs less than the decimals of `extract`. */
export function msOf (time: string): string {
  return `floor(date_part('epoch', ${time}) * 1000)::bigint`
}
