// What a worker process runs. Everything heavy is loaded only once the order has come: the compile cache lies
// in the state directory, which the order names, and modules that were loaded before would not be in it.
import { runWorker } from './run-worker.ts'

runWorker({
  async open (order, hooks) {
    const { openService } = await import('./open-service.ts')
    return openService(order, hooks)
  },
})
