import type { Command } from '../command.ts'

/** `plimsoll load`: sends requests at a rate, and says what became of them. */
export const load: Command = {
  name: 'load',
  operand: 'URL|SCENARIO',
  summary: 'Load-tests a URL or a scenario at a given rate, and judges it by thresholds.',
  details: [
    'Requests leave when the schedule says, whether or not the ones before were answered, and latency counts ' +
    'from that time: a target that stalls is charged for all who would have waited. SCENARIO is a TypeScript ' +
    'module that exports defineLoad({ ... }) from plimsoll/load as its default.',
    'It exits with 3 when a threshold is not met, and with 4 when the generator itself could not keep up, ' +
    'whatever the figures. Progress is told on standard error, the report on standard output.',
  ],
  examples: [
    ['plimsoll load http://localhost:3000/products --rate 200 --duration 30s', 'one URL, 200 times a second'],
    [
      "plimsoll load http://localhost:3000/ --steps 100,200,400 --threshold 'p99<250ms'",
      'where does it bend?',
    ],
    ['plimsoll load http://localhost:3000/ --rate 50 --spike 500@5s+2s --duration 15s', 'does it recover?'],
    ['plimsoll load load.ts --json --output report.json', 'a scenario, for a machine'],
  ],
  flags: [
    {
      flag: '--rate',
      placeholder: 'RATE',
      help: 'Arrivals: 200, 200/s, 90/m. With --spike, before and after it. [50/s]',
    },
    { flag: '--duration', placeholder: 'TIME', help: 'How long. [10s]' },
    {
      flag: '--arrivals',
      placeholder: 'constant|poisson',
      help: 'Evenly, or at random as independent users come. [poisson]',
    },
    { flag: '--steps', placeholder: 'RATE,RATE,...', help: 'Rates to hold one after the other.' },
    { flag: '--step-duration', placeholder: 'TIME', help: 'How long each of --steps is held. [10s]' },
    { flag: '--ramp', placeholder: 'FROM-TO', help: 'A rate that changes evenly over --duration.' },
    { flag: '--spike', placeholder: 'PEAK@AT+FOR', help: 'A peak within --duration, e.g. 500@5s+2s.' },
    {
      flag: '--warm-up',
      placeholder: 'TIME',
      help: 'At the first rate, before the rest, and not counted. [0s]',
    },
    { flag: '--target', placeholder: 'URL', help: 'Where a scenario is sent, in place of its own target.' },
    { flag: '--method', placeholder: 'METHOD', help: 'Of a single URL. [GET, or POST with a body]' },
    {
      flag: '--header',
      placeholder: '"NAME: VALUE"',
      help: 'Sent with every request; several times for several.',
      list: true,
    },
    { flag: '--body', placeholder: 'TEXT', help: 'Sent to a single URL; JSON gets its content type.' },
    { flag: '--body-file', placeholder: 'FILE', help: 'The same from a file.' },
    { flag: '--expect', placeholder: 'STATUS,...', help: 'Good answers of a single URL. [200 to 399]' },
    { flag: '--timeout', placeholder: 'TIME', help: "A client's patience, from the intended time. [10s]" },
    {
      flag: '--connections',
      placeholder: 'N',
      help: 'That many, opened ahead; a request waits for a free one. [as needed, up to 1000]',
    },
    { flag: '--fresh', placeholder: '', help: 'A new connection for each request.' },
    { flag: '--threads', placeholder: 'N', help: 'Threads that send. [1]' },
    {
      flag: '--allow-lag',
      placeholder: 'TIME',
      help: 'How late the generator may send (p99) before the run is void. [10ms]',
    },
    { flag: '--seed', placeholder: 'N', help: 'The same seed gives the same arrivals and choices. [1]' },
    {
      flag: '--threshold',
      placeholder: 'RULE',
      help: "What must hold: 'p99<250ms', 'error_rate<1%', 'rate>=195/s', 'good(250ms)>=98%'; several times.",
      list: true,
    },
    { flag: '--output', placeholder: 'FILE', help: 'Writes the report as JSON there, too.' },
    { flag: '--no-probe', placeholder: '', help: 'Does not try whether the target answers before the run.' },
    {
      flag: '--allow-remote',
      placeholder: '',
      help: 'The target is not this machine, and you may load it.',
    },
  ],
  mode: undefined,
  async run (given, surroundings) {
    const { runLoadTest } = await import('./run-load.ts')
    return runLoadTest(given, surroundings)
  },
}
