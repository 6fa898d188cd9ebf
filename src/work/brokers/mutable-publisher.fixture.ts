import type { Engine } from '../../engines/index.ts'
import type { TestProxy } from '../../engines/proxy.fixture.ts'
import type { Publisher } from '../outbox/index.ts'
import type { MutablePublisher } from '../outbox/publisher.contract.ts'

/** A publisher whose broker is behind a proxy, all of them closed together. */
export function mutableOf (
  proxy: TestProxy,
  engine: Engine<unknown>,
  publisher: Publisher
): MutablePublisher {
  return {
    publisher,
    mute: () => proxy.holdAnswers(),
    async [Symbol.asyncDispose] () {
      await publisher.close()
      await engine.close()
      await proxy[Symbol.asyncDispose]()
    },
  }
}
