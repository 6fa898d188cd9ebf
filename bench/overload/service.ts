// What `plimsoll serve` runs: the routes, and who calls. Nothing else is set.
import { defineService } from '../../src/index.ts'
import routes from './routes.ts'

export default defineService({
  name: 'bench-overload',
  callers: { tenantOf: (request) => request.headers['x-tenant'] as string | undefined },
  routes: async (app) => {
    await app.register(routes)
  },
})
