import type { Command } from '../command.ts'

/** `plimsoll jobs`: how the queues stand, and what becomes of dead letters. */
export const jobs: Command = {
  name: 'jobs',
  operand: 'ACTION [ID...]',
  operands: 1_000,
  summary: 'Shows the queues of a service, and inspects, edits, redrives and discards dead letters.',
  details: [
    'Actions: tiers (how each queue stands), groups (dead letters by cause), list (dead letters), show ID (a dead letter ' +
    'and its history, or a job that is tracked), edit ID, redrive, discard, cancel ID.',
    'The database is that of the settings, the schema that of the service; the service itself is not started. With ' +
    '--schema no module is needed, but then edited payloads are only checked to be JSON.',
    'redrive sends one letter ahead and waits for its end; only if it succeeds the others follow, at --rate, until ' +
    '--stop-after of them are dead again. It needs running workers. It exits with 1 when it stopped.',
    'edit, redrive and discard are noted in an audit, with who did it and why.',
  ],
  examples: [
    ['plimsoll jobs groups', 'what fails, how often, since which version'],
    ['plimsoll jobs show 0198c1a2-73a4-7b3c-8d5e-1f2a3b4c5d6e', 'one of them, with its payload and stack'],
    ['plimsoll jobs redrive --group 3f2a91c07b4e --test', 'sends one of the group, and says how it ended'],
    [
      'plimsoll jobs redrive --group 3f2a91c07b4e --rate 50',
      'sends one ahead, then the others at 50 a second',
    ],
    ["plimsoll jobs edit ID --payload @payload.json --reason 'ticket 12'", 'repairs what it was given'],
    [
      'plimsoll jobs discard --group 3f2a91c07b4e --before 30d',
      'gives up those that died 30 days ago or earlier',
    ],
    ['plimsoll jobs tiers --json', 'depth, age and dead letters of each queue, for a script'],
  ],
  flags: [
    { flag: '--module', placeholder: 'FILE', help: 'The service. [service.ts, app.ts, ... if there]' },
    { flag: '--schema', placeholder: 'NAME', help: "The schema of the job tables. [the module's]" },
    {
      flag: '--store',
      placeholder: 'postgres|pg-boss',
      help: 'Where the jobs are, if there are tables of both.',
    },
    { flag: '--group', placeholder: 'FINGERPRINT', help: 'Letters that failed in this way.' },
    { flag: '--name', placeholder: 'JOB', help: 'Letters of this job.' },
    { flag: '--tier', placeholder: 'TIER', help: 'Letters of this tier, e.g. within-5s.' },
    { flag: '--tenant', placeholder: 'TENANT', help: 'Letters of this tenant.' },
    {
      flag: '--release',
      placeholder: 'VERSION',
      help: 'Letters whose last run was by this version of the service.',
    },
    {
      flag: '--since',
      placeholder: 'AGE|TIME',
      help: 'Letters that died since, e.g. 2h or 2026-11-23T05:00Z.',
    },
    { flag: '--before', placeholder: 'AGE|TIME', help: 'Letters that died before that.' },
    {
      flag: '--all',
      placeholder: '',
      help: 'Redrives or discards every letter, where nothing else says which.',
    },
    { flag: '--limit', placeholder: 'N', help: 'Shows, or redrives, at most so many. [50 shown]' },
    { flag: '--after', placeholder: 'PLACE', help: 'list: goes on where the page before ended.' },
    { flag: '--payload', placeholder: 'JSON|@FILE', help: 'edit: the new payload.' },
    { flag: '--test', placeholder: '', help: 'redrive: sends one letter, and waits for its end.' },
    { flag: '--rate', placeholder: 'N', help: 'redrive: letters a second. [10]' },
    {
      flag: '--ahead',
      placeholder: 'N',
      help: 'redrive: letters that must succeed before the others follow. [1]',
    },
    { flag: '--stop-after', placeholder: 'N', help: 'redrive: stops when so many are dead again. [1]' },
    { flag: '--under-way', placeholder: 'N', help: 'redrive: at most so many at once. [100]' },
    { flag: '--tries', placeholder: 'one|all', help: 'redrive: runs each letter gets. [one]' },
    { flag: '--dry-run', placeholder: '', help: 'redrive, discard: only says how many letters are meant.' },
    { flag: '--actor', placeholder: 'NAME', help: 'Who does it, for the audit. [user@host]' },
    { flag: '--reason', placeholder: 'TEXT', help: 'Why, for the audit.' },
  ],
  mode: 'dev',
  settingGroups: ['Database and Redis', 'Service'],
  async run (given, surroundings) {
    const { runJobs } = await import('./run-jobs.ts')
    return runJobs(given, surroundings)
  },
}
