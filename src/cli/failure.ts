import { inspect } from 'node:util'
import { ConfigFileError, SettingsError } from '../serve/settings/index.ts'
import { InterruptedError, UsageError } from './errors.ts'
import { exitCodes } from './exit-code.ts'
import type { Output } from './surroundings.ts'

/** How an error is told. */
export interface FailureStyle {
  /** One JSON document instead of a sentence. */
  readonly json: boolean
  /** With causes and stacks. */
  readonly verbose: boolean
}

/**
 * Tells an error in one message, and says what the command's exit code is.
 *
 * An error with a `code` is expected in service, and its message says what to do. Anything else is a defect
 * of ours, and shows its stack.
 */
export function reportFailure (error: unknown, stderr: Output, { json, verbose }: FailureStyle): number {
  const exitCode = exitCodeOf(error)
  if (error instanceof InterruptedError) return exitCode
  if (json) stderr.write(`${JSON.stringify({ event: 'error', exitCode, ...asData(error) })}\n`)
  else stderr.write(`plimsoll: ${sentence(error, exitCode)}\n`)
  if (!json && (verbose || exitCode === exitCodes.internal)) stderr.write(`${inspect(error)}\n`)
  return exitCode
}

/** The exit code for an error. */
export function exitCodeOf (error: unknown): number {
  if (error instanceof UsageError || error instanceof SettingsError || error instanceof ConfigFileError) {
    return exitCodes.usage
  }
  if (error instanceof InterruptedError) return exitCodes.interrupted
  const code = codeOf(error)
  if (code === 'SETTING_INVALID') return exitCodes.usage
  return code === undefined || code.startsWith('ERR_') ? exitCodes.internal : exitCodes.failed
}

function sentence (error: unknown, exitCode: number): string {
  const message = error instanceof Error ? error.message : String(error)
  if (exitCode === exitCodes.internal) return `a defect in Plimsoll, please report it: ${message}`
  return error instanceof UsageError && error.help !== undefined ? `${message}\nSee ${error.help}` : message
}

function asData (error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) }
  const { message } = error
  const settings = error instanceof SettingsError ?
    { settings: error.errors.map(({ setting, rule, value, place }) => ({ setting, rule, value, place })) } :
    {}
  return { code: codeOf(error) ?? 'INTERNAL', message, ...settings }
}

function codeOf (error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}
