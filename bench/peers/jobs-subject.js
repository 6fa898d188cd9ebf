// What every subject of the jobs benchmark does, over its own few functions. Run in a process of its own, told by messages.
//
// `open({ databaseUrl, redisUrl })` gives { enqueue(payload), enqueueMany(payloads), work({ tuned, onJob }), close() };
// `work` gives a function that stops it.

const inFlight = 16
const batch = { size: 1_000, inFlight: 4 }

const now = () => performance.timeOrigin + performance.now()

export function serveSubject (open) {
  let subject
  let received = []
  let stop
  const orders = {
    async open (urls) {
      subject = await open(urls)
    },
    /** Seconds that `count` calls of one job each take. */
    single: ({ count }) => timed(count, inFlight, () => subject.enqueue({ n: 1, at: 0 })),
    batch: ({ count }) =>
      timed(
        count / batch.size,
        batch.inFlight,
        () => subject.enqueueMany(Array.from({ length: batch.size }, (_, n) => ({ n, at: 0 })))
      ),
    /**
     * Seconds until `count` jobs have run, or how many have within `limitMs`. The first `skip` of them are not counted
     * where there are more: they start the workers.
     */
    async drain ({ count, skip = 0, tuned, limitMs }) {
      let ran = 0
      let startedMs = performance.now()
      let skipped = 0
      const done = Promise.withResolvers()
      const timer = setTimeout(done.resolve, limitMs)
      const stopWork = await subject.work({
        tuned,
        onJob () {
          if (++ran === skip) [startedMs, skipped] = [performance.now(), skip]
          if (ran === count) done.resolve()
        },
      })
      await done.promise
      clearTimeout(timer)
      const seconds = (performance.now() - startedMs) / 1_000
      const counted = Math.min(ran, count) - skipped
      await stopWork()
      return { seconds, ran: counted }
    },
    async startWork ({ tuned }) {
      received = []
      stop = await subject.work({ tuned, onJob: ({ at }) => at > 0 && received.push(now() - at) })
    },
    async stopWork () {
      await stop()
      return received
    },
    /** One job at a time at times drawn from a Poisson process; answers how many could not be sent in time. */
    async offer ({ perSecond, seconds, seed }) {
      const random = randomOf(seed)
      const startedMs = performance.now()
      let [sent, dueMs] = [0, 0]
      const open = new Set()
      for (;;) {
        dueMs += -Math.log(1 - random()) / perSecond * 1_000
        if (dueMs > seconds * 1_000) break
        const waitMs = startedMs + dueMs - performance.now()
        if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs))
        const call = subject.enqueue({ n: sent++, at: now() }).finally(() => open.delete(call))
        open.add(call)
      }
      await Promise.all(open)
      return { sent, lateMs: performance.now() - startedMs - seconds * 1_000 }
    },
    async close () {
      await subject?.close()
    },
  }
  process.on('message', async ({ order, options, number }) => {
    try {
      process.send({ number, answer: await orders[order](options) })
    } catch (error) {
      process.send({ number, error: String(error?.stack ?? error) })
    }
  })
  process.on('disconnect', () => process.exit())
}

async function timed (count, parallel, call) {
  let left = count
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: parallel }, async () => {
    while (left-- > 0) await call()
  }))
  return { seconds: (performance.now() - startedMs) / 1_000 }
}

function randomOf (seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
