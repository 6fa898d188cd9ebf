import type { Command } from '../command.ts'

/** `plimsoll events`: how the log of events and its readers stand, and what a person does about them. */
export const events: Command = {
  name: 'events',
  operand: 'ACTION [NAME...]',
  operands: 1_000,
  summary: 'Shows the outbox and all that read it; redrives, discards, replays and rebuilds.',
  details: [
    'Actions: status (the log, what stalls it, the lag of each relay, consumer and projection), show EVENT_ID (an event, ' +
    'and what became of it), parked (what brokers do not take), held (keys that consumers hold), redrive and discard ' +
    '(with --relay NAME of parked events by their ids, with --consumer NAME of held keys), replay CONSUMER (its effects ' +
    'happen again), projections, rebuild PROJECTION (by running workers; waits for it), history (what was done by hand).',
    'The database is that of the settings, the schema that of the service; the service itself is not started. With ' +
    '--schema no module is needed but for replay and rebuild; then lags count events of all types.',
    'redrive, discard, replay and rebuild ask for a --reason, and are noted in an audit; a discard with the event.',
    'It exits with 1 when there was nothing to redrive or discard where it was asked for, or when a new build differs ' +
    'from the one that is read.',
  ],
  examples: [
    ['plimsoll events status', 'what is behind, and which transaction holds it up'],
    ['plimsoll events show 0198c1a2-73a4-7b3c-8d5e-1f2a3b4c5d6e', 'its payload and headers, and who has it'],
    ['plimsoll events parked --relay nats', 'what the broker does not take, and why'],
    ["plimsoll events redrive --relay nats --all --reason 'limit raised'", 'has the broker asked again'],
    ['plimsoll events held --consumer billing', 'keys that wait, why, and for how long'],
    ["plimsoll events discard --consumer billing 5:order17 --reason 'ticket 12'", 'gives up its dead letter'],
    [
      "plimsoll events replay billing --from 1.7421.16 --reason 'bug 9'",
      'has it handle again what came after that',
    ],
    [
      "plimsoll events rebuild best-sellers --reason 'tables were edited'",
      'builds it anew beside the live one',
    ],
  ],
  flags: [
    { flag: '--module', placeholder: 'FILE', help: 'The service. [service.ts, app.ts, ... if there]' },
    { flag: '--schema', placeholder: 'NAME', help: "The schema of the event tables. [the module's]" },
    { flag: '--relay', placeholder: 'NAME', help: 'parked, redrive, discard: of this relay.' },
    { flag: '--consumer', placeholder: 'NAME', help: 'held, redrive, discard: of this consumer.' },
    { flag: '--all', placeholder: '', help: 'redrive: all dead letters of the relay or consumer.' },
    { flag: '--limit', placeholder: 'N', help: 'parked, held, history: at most so many. [50]' },
    { flag: '--after', placeholder: 'KEY', help: 'held: goes on where the page before ended.' },
    {
      flag: '--from',
      placeholder: 'POSITION|beginning',
      help: 'replay: what came after this place, or all that is kept.',
    },
    {
      flag: '--accept-difference',
      placeholder: '',
      help: 'rebuild: puts the new build in its place whatever differs.',
    },
    { flag: '--actor', placeholder: 'NAME', help: 'Who does it, for the audit. [user@host]' },
    { flag: '--reason', placeholder: 'TEXT', help: 'Why, for the audit; every change needs it.' },
  ],
  mode: 'dev',
  settingGroups: ['Database and Redis', 'Service'],
  async run (given, surroundings) {
    const { runEvents } = await import('./run-events.ts')
    return runEvents(given, surroundings)
  },
}
