import type { Command } from '../command.ts'

/** `plimsoll saga`: how sagas stand, what has happened to them, and what a person does about them. */
export const saga: Command = {
  name: 'saga',
  operand: 'ACTION [SAGA...]',
  operands: 1_000,
  summary: 'Shows the sagas of a service and their audit trails; signals, resumes, skips and cancels them.',
  details: [
    'Actions: list (latest first), show SAGA (how it stands, and all that has happened to it), signal SAGA NAME, ' +
    'resume SAGA... (goes on where it is parked), retry SAGA... (as resume, even where an effect may happen twice), ' +
    'skip SAGA (goes on as if what it is parked at were done), cancel SAGA... (has it compensated).',
    'A SAGA is named by its id, the first 6 or more digits of it, or its key. The database is that of the settings, the ' +
    'schema that of the service; the service itself is not started. Steps are run by its workers.',
    'With --schema no module is needed to list and show. What is done is noted in the audit trail, with who did it.',
  ],
  examples: [
    ['plimsoll saga list --status parked', 'those that wait for a person'],
    ['plimsoll saga show order-4711', 'one, from start to end, with its runbook when it is parked'],
    ['plimsoll saga signal order-4711 approved --payload \'{"by":"mate"}\'', 'answers what it waits for'],
    ['plimsoll saga resume 0198c1a2-73a4-7b3c-8d5e-1f2a3b4c5d6e', 'what kept it from going on is removed'],
    ['plimsoll saga resume --all --name checkout --step charge', 'all that are parked there'],
    ["plimsoll saga cancel order-4711 --reason 'the customer called'", 'undoes what was done'],
  ],
  flags: [
    { flag: '--module', placeholder: 'FILE', help: 'The service. [service.ts, app.ts, ... if there]' },
    { flag: '--schema', placeholder: 'NAME', help: "The schema of the saga tables. [the module's]" },
    { flag: '--name', placeholder: 'SAGA', help: 'list, resume --all: sagas of this definition.' },
    {
      flag: '--status',
      placeholder: 'STATUS,...',
      help: 'list: running, compensating, parked, completed, compensated. [all]',
    },
    { flag: '--step', placeholder: 'STEP', help: 'resume --all: those parked at this step.' },
    { flag: '--all', placeholder: '', help: 'resume, retry: every saga that is parked.' },
    { flag: '--limit', placeholder: 'N', help: 'list: at most so many. [50]' },
    { flag: '--before', placeholder: 'ID', help: 'list: goes on where the page before ended.' },
    { flag: '--payload', placeholder: 'JSON|@FILE', help: 'signal: what it says. [{}]' },
    { flag: '--signal-id', placeholder: 'ID', help: 'signal: the same id twice is one signal. [a new one]' },
    { flag: '--data', placeholder: 'JSON|@FILE', help: 'skip: what the step would have put into the data.' },
    { flag: '--actor', placeholder: 'NAME', help: 'Who does it, for the audit trail. [user@host]' },
    { flag: '--reason', placeholder: 'TEXT', help: 'cancel: why, for the audit trail.' },
  ],
  mode: 'dev',
  settingGroups: ['Database and Redis', 'Service'],
  async run (given, surroundings) {
    const { runSaga } = await import('./run-saga.ts')
    return runSaga(given, surroundings)
  },
}
