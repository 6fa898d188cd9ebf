import type { Command } from '../command.ts'

/** `plimsoll plans`: what the database decides for the statements of a service. */
export const plans: Command = {
  name: 'plans',
  operand: '[MODULE]',
  summary: "Reviews the plans of a service's statements, and advises indexes.",
  details: [
    'It starts the service as plimsoll dev does, migrations included, asks it for its GET routes without a ' +
    'listener, and asks PostgreSQL (16 or later) for the generic plan of each statement that they sent. ' +
    'Parameters of routes are filled in from their schemas.',
    'With --check it exits with 1 when a statement is new or its plan decides otherwise than in the file; costs ' +
    'and estimates are never compared. Advice alone does not fail it.',
  ],
  examples: [
    ['plimsoll plans service.ts --assume product=1e6', 'would it hold with a million products?'],
    ['plimsoll plans service.ts --check plans.json --write', 'keeps the plans of today in a file'],
    ['plimsoll plans service.ts --check plans.json', 'fails when one decides otherwise'],
    ["plimsoll plans service.ts --routes 'GET /products/7,GET /products?after=40'", 'of these requests only'],
    ['plimsoll plans service.ts --statements queries.sql --prove', 'of statements in a file'],
  ],
  flags: [
    {
      flag: '--routes',
      placeholder: "'GET /PATH,...'",
      help: 'Sends these requests; several times for several. [each GET route]',
      list: true,
    },
    {
      flag: '--statements',
      placeholder: 'FILE',
      help: 'Reviews the statements of an SQL file instead; none of them is run.',
    },
    {
      flag: '--check',
      placeholder: 'FILE',
      help: 'Compares what is decided with the plans in this file.',
    },
    { flag: '--write', placeholder: '', help: 'Writes the file of --check instead. [plans.json]' },
    {
      flag: '--assume',
      placeholder: 'TABLE=ROWS,...',
      help: 'Plans as if tables were so large; each needs a row.',
      list: true,
    },
    {
      flag: '--prove',
      placeholder: '',
      help: 'Tries each index for real, in a transaction that is taken back; writers of the table wait.',
    },
  ],
  mode: 'dev',
  settingGroups: ['Database and Redis', 'Service'],
  async run (given, surroundings) {
    const { runPlans } = await import('./run-plans.ts')
    return runPlans(given, surroundings)
  },
}
