// Fastify with @fastify/under-pressure, tuned by hand: its README's figures react too late.
import underPressure from '@fastify/under-pressure'
import Fastify from 'fastify'
import { listen } from '../floor/listen.ts'
import routes from '../overload/routes.ts'

const app = Fastify()
await app.register(underPressure, { maxEventLoopDelay: 50, sampleInterval: 100 })
await app.register(routes)
await listen(app)
