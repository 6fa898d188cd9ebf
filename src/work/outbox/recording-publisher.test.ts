import { testPublisher } from './publisher.contract.ts'
import { recordingPublisher } from './recording-publisher.fixture.ts'

testPublisher('recording', async () => {
  const publisher = recordingPublisher()
  publisher.refuse = ({ payload }) => payload === '"unacceptable"' ? 'never' : undefined
  return {
    publisher,
    received: () => publisher.taken,
    unacceptable: (message) => ({ ...message, payload: '"unacceptable"' }),
    async outage () {
      publisher.down = true
      return {
        async end () {
          publisher.down = false
        },
      }
    },
    [Symbol.asyncDispose]: () => publisher.close(),
  }
}, false)
