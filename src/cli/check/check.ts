import type { Command } from '../command.ts'

/** `plimsoll check`: would it start, and if not, why. */
export const check: Command = {
  name: 'check',
  operand: '[MODULE]',
  summary: 'Checks that a module can be served, without serving it.',
  details: [
    'It checks the settings, loads the module, compiles its routes and schemas, and asks whether the database ' +
    'and Redis answer. It changes nothing: no migration is applied. It exits with 1 when a check fails.',
  ],
  examples: [
    ['plimsoll check service.ts', 'before a deployment'],
    ['plimsoll check service.ts --json', 'a report for a machine'],
  ],
  flags: [],
  mode: 'serve',
  async run (given, surroundings) {
    const { runChecks } = await import('./run-checks.ts')
    return runChecks(given, surroundings)
  },
}
