// The `spec` reporter of node:test, with one addition: what was skipped, and why, stands together right
// before the closing counts, so that a run with a missing engine cannot pass for a full one.
import { Readable } from 'node:stream'
import { spec, type TestEvent } from 'node:test/reporters'

export default async function* report (source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  yield* Readable.from(withSkips(source)).compose(spec())
  yield '\n'
}

async function* withSkips (source: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  const skipped = new Map<string, number>()
  for await (const event of source) {
    if (event.type === 'test:pass' && typeof event.data.skip === 'string') {
      skipped.set(event.data.skip, (skipped.get(event.data.skip) ?? 0) + 1)
    }
    if (isFirstCount(event) && skipped.size > 0) yield note(skipped)
    yield event
  }
}

function isFirstCount (event: TestEvent): boolean {
  return event.type === 'test:diagnostic' && event.data.nesting === 0 &&
    /^tests \d+$/.test(event.data.message)
}

function note (skipped: ReadonlyMap<string, number>): TestEvent {
  const lines = [...skipped].map(([reason, count]) =>
    `  ${count} ${count === 1 ? 'test' : 'tests'}: ${reason}`
  )
  return {
    type: 'test:stdout',
    data: {
      file: import.meta.filename,
      message: `\nSKIPPED, so this run proves less:\n${lines.join('\n')}\n\n`,
    },
  }
}
