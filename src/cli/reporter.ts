import type { SupervisorEvent } from '../serve/runtime/index.ts'
import type { Arguments } from './command.ts'
import { eventLine } from './event-line.ts'
import { Narrator } from './narrator.ts'
import { type Places, placesOf } from './places.ts'
import type { Surroundings } from './surroundings.ts'

/** Tells what happens while a service runs. */
export interface Reporter {
  /** The supervisor's. */
  event(event: SupervisorEvent): void
  /** A step of what comes before the supervisor. */
  progress(message: string): void
  /** What the user should know, though nothing failed. */
  note(message: string): void
  places(places: Places): void
}

/** JSON lines on standard output with `--json`, else lines for people on standard error. */
export function openReporter ({ options }: Arguments, surroundings: Surroundings): Reporter {
  return options['json'] === true ? jsonReporter(surroundings) : lineReporter(surroundings)
}

function lineReporter (surroundings: Surroundings): Reporter {
  const narrator = new Narrator(surroundings.stderr, surroundings)
  return {
    event (event) {
      if (event.kind === 'progress') return narrator.progress(progressText(event), event.share)
      const line = eventLine(event)
      if (line !== undefined) narrator.say(line)
    },
    progress: (message) => narrator.progress(message),
    note: (text) => narrator.say({ text, accent: 'yellow' }),
    places (places) {
      const rows = placesOf(places, surroundings).map(([name, place]) => `  ${name.padEnd(9)} ${place}`)
      narrator.say({ text: ['', ...rows, '', '  Ctrl-C stops it.', ''].join('\n') })
    },
  }
}

function progressText ({ worker, message }: { readonly worker: number; readonly message: string }): string {
  return `worker ${worker}: ${message}`
}

function jsonReporter (surroundings: Surroundings): Reporter {
  const write = (event: string, data: object): void => {
    surroundings.stdout.write(`${JSON.stringify({ event, ...data })}\n`)
  }
  return {
    event: ({ kind, ...data }) => write(kind, data),
    progress: (message) => write('preparing', { message }),
    note: (message) => write('note', { message }),
    places (places) {
      const rows = placesOf(places, surroundings).map(([name, place]) => ({ name, place }))
      write('places', { places: rows })
    },
  }
}
