// The smallest service: `npx plimsoll dev examples/minimal/service.ts`, then `curl localhost:3000/`.
import { defineService } from 'plimsoll'

export default defineService({
  name: 'minimal',
  routes (app) {
    app.get('/', async () => ({ hello: 'world' }))
  },
})
