// Traffic modules for tests of journeys made by code.
import type { JourneySource, JourneyStep, JourneySteps, SourceContext } from '../journey.ts'

/** Signs in, then uses what the answer said. */
export const signIn: JourneySource = {
  *next (iteration, random): JourneySteps {
    const login = { name: 'login', method: 'POST', path: '/login', body: `user ${iteration}` }
    const answer = yield { request: login, keep: true }
    const token = Buffer.from(answer.body).toString()
    const seen = answer.headers.get('x-seen') ?? 'none'
    yield {
      request: { name: 'mine', path: `/mine?of=${token}`, headers: { 'x-seen': seen } },
      thinkMs: random() < 2 ? 20 : 0,
    }
  },
}

/** By what the plan hands over. */
export default async function source ({ input }: SourceContext): Promise<JourneySource> {
  const { step, thrown } = input as { step?: JourneyStep; thrown?: string }
  return {
    *next (): JourneySteps {
      if (thrown !== undefined) throw new Error(thrown)
      if (step === undefined) return
      yield { ...step, judge: ({ body }) => body.length === 2 ? undefined : 'too short' }
      yield step
    },
  }
}
