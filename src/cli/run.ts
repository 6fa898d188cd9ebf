import { nearest } from '../serve/settings/index.ts'
import { parseArguments } from './arguments.ts'
import { check } from './check/index.ts'
import type { Command } from './command.ts'
import { config } from './config.ts'
import { dev } from './dev.ts'
import { UsageError } from './errors.ts'
import { events } from './events/index.ts'
import { exitCodes } from './exit-code.ts'
import { reportFailure } from './failure.ts'
import { renderHelp, renderOverview } from './help.ts'
import { jobs } from './jobs/index.ts'
import { load } from './load/index.ts'
import { plans } from './plans/index.ts'
import { saga } from './saga/index.ts'
import { serve } from './serve.ts'
import type { Surroundings } from './surroundings.ts'
import { work } from './work.ts'

/** In the order in which help lists them. */
export const commands: readonly Command[] = [dev, serve, work, config, check, plans, jobs, saga, events, load]

/**
 * Runs one command line.
 *
 * @param args without the program and the script
 * @returns the exit code
 */
export async function run (args: readonly string[], surroundings: Surroundings): Promise<number> {
  const [name = '', ...rest] = args
  try {
    if (name === '' || name === '--help' || name === '-h' || name === 'help') {
      return overview(rest, surroundings)
    }
    if (name === '--version' || name === '-v') {
      surroundings.stdout.write(`${surroundings.version}\n`)
      return exitCodes.ok
    }
    const command = findCommand(name)
    if (asksForHelp(rest)) return help(command, surroundings)
    return await command.run(parseArguments(command, rest), surroundings)
  } catch (error) {
    const style = { json: rest.includes('--json'), verbose: rest.includes('--verbose') }
    return reportFailure(error, surroundings.stderr, style)
  }
}

function overview ([name]: readonly string[], surroundings: Surroundings): number {
  if (name !== undefined && !name.startsWith('-')) return help(findCommand(name), surroundings)
  surroundings.stdout.write(renderOverview(commands))
  return exitCodes.ok
}

function help (command: Command, { stdout }: Surroundings): number {
  stdout.write(renderHelp(command))
  return exitCodes.ok
}

/** Help is given even when the rest of the line is wrong: that may be why it is asked for. */
function asksForHelp (args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return (end === -1 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h')
}

function findCommand (name: string): Command {
  const command = commands.find((each) => each.name === name)
  if (command !== undefined) return command
  const meant = nearest(name, commands.map((each) => each.name))
  const what = name.startsWith('-') ? 'flag' : 'command'
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`
  throw new UsageError(`${name} is not a ${what} of plimsoll${hint}`, 'plimsoll --help')
}
