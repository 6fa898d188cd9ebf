// The second thread ends with its first journey.
import type { JourneySource, SourceContext } from '../journey.ts'

export default function source ({ thread }: SourceContext): JourneySource {
  return {
    *next () {
      if (thread === 1) process.exit(7)
      yield { request: { name: 'only', path: '/' } }
    },
  }
}
