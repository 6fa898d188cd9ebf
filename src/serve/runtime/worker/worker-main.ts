// What a worker process runs. Everything heavy is loaded only once the order has come: the compile cache lies
// in the state directory, which the order names, and modules that were loaded before would not be in it.
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { runWorker } from './run-worker.ts'

runWorker({
  async open (order, hooks) {
    enableCompileCache(join(order.settings.stateDirectory, 'compile-cache'))
    const { openService } = await import('./open-service.ts')
    return openService(order, hooks)
  },
})
