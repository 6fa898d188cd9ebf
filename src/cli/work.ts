import type { Command } from './command.ts'
import { findModule } from './settle.ts'

/** `plimsoll work`: what a service does behind its requests, in several workers. */
export const work: Command = {
  name: 'work',
  operand: '[MODULE]',
  summary: 'Runs the jobs, consumers, relays and sagas of a module, and listens to no requests.',
  details: [
    'MODULE is the one that `plimsoll serve` serves. Where requests are served with `--role web`, this is what does ' +
    'the work that they leave; without that, `plimsoll serve` does both.',
    'Signals, log and reports are those of `plimsoll serve`: TERM finishes what runs (drain.grace) and gives the rest ' +
    'back to the others; HUP reloads; TTIN and TTOU add and remove a worker.',
  ],
  examples: [
    ['plimsoll work service.ts', 'one worker per granted core'],
    ['plimsoll serve service.ts --role web', 'beside it: requests only'],
  ],
  flags: [],
  mode: 'work',
  async run (given, surroundings) {
    // What is only needed to run is loaded once there is something to run.
    const module = findModule(given, surroundings)
    const { launch } = await import('./launch.ts')
    return launch(module, given, surroundings, 'work')
  },
}
