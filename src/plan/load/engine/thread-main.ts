// One thread of the generator: gets ready, waits for the word, drives its share, tells what it counted.
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../../kernel/index.ts'
import { pinThread, ThreadWatch } from '../health/index.ts'
import { Driver } from './driver.ts'
import type { ThreadInput, ThreadInterval, ThreadMessage, ThreadOrder } from './thread-messages.ts'

const port = parentPort
if (port === null) throw new Error('this file is a worker thread of the load generator')
const { core, ...input } = workerData as ThreadInput
const tell = (message: ThreadMessage): void => port.postMessage(message)

const stopped = new AbortController()
const go = Promise.withResolvers<void>()
let driver: Driver | undefined
port.on('message', (order: ThreadOrder) => {
  if (order === 'stop') {
    stopped.abort()
    driver?.stop()
  }
  go.resolve()
})

try {
  await drive(driver = new Driver({ ...input, clock: systemClock }))
} catch (error) {
  const fields = Object.entries(Object(error) as object).filter(([, value]) =>
    /^(?:string|number)$/.test(typeof value)
  )
  tell({
    kind: 'failed',
    error: error instanceof Error ? error : new Error(String(error)),
    fields: Object.fromEntries(fields),
  })
} finally {
  driver?.stop()
  port.close()
}

async function drive (mine: Driver): Promise<void> {
  const pinned = core === undefined || pinThread(core)
  const standing = await mine.open(stopped.signal)
  tell({ kind: 'ready', standing, pinned })
  await go.promise
  using watch = new ThreadWatch(systemClock)
  const cancel = systemClock.every(1_000, () => tell({ kind: 'interval', interval: intervalOf(mine) }))
  if (!stopped.signal.aborted) await mine.run()
  cancel()
  tell({
    kind: 'done',
    interval: intervalOf(mine),
    result: {
      recorded: mine.recorder.toData(),
      elapsedMs: mine.elapsedMs,
      spareMs: mine.spareMs,
      figures: watch.figures(),
      walks: mine.walks,
      connections: {
        opened: mine.client.opened,
        failed: mine.client.failedToOpen,
        reused: mine.client.reused,
        closedIdle: mine.client.closedIdle,
        openAtMost: mine.client.openAtMost,
      },
    },
  })
}

function intervalOf ({ recorder, client, elapsedMs }: Driver): ThreadInterval {
  return {
    ...recorder.takeInterval(),
    endMs: elapsedMs,
    inFlight: client.inFlight,
    openConnections: client.openConnections,
  }
}
