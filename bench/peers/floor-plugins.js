import { listen } from '../floor/listen.ts'
import ping from '../floor/ping.ts'
import { fastifyWithPlugins } from './usual-plugins.js'

const app = await fastifyWithPlugins()
await app.register(ping)
await listen(app)
