// A closed loop over keep-alive connections; prints one line of JSON. Argument: the options as JSON.
import net from 'node:net'
import { ResponseReader } from '../../src/plan/load/index.ts'
import { quantile } from '../harness/index.ts'
import type { LoadOptions, LoadResult } from './closed-loop.ts'
import { preparedRequests, traceparents } from './request-ring.ts'

const options = JSON.parse(process.argv[2] ?? '{}') as LoadOptions
const { host, port, connections, seconds } = options
const ring = preparedRequests(options, `${host}:${port}`, traceparents(2000, Math.random))
const latenciesMs: number[] = []
let sent = 0
let errors = 0
let running = true

function open (): void {
  const reader = new ResponseReader()
  const socket = net.connect({ host, port, noDelay: true })
  let sentAtMs = 0
  let failed = false
  const send = (): void => {
    sentAtMs = performance.now()
    socket.write(ring[sent++ % ring.length] ?? '')
  }
  const fail = (): void => {
    if (!running || failed) return
    failed = true
    errors++
    socket.destroy()
    // Not at once: a server that refuses would be asked as fast as the loop turns.
    setTimeout(open, 10)
  }
  socket.on('connect', send).on('error', fail).on('close', fail)
  socket.on('data', (bytes: Buffer) => {
    const response = reader.read(bytes)
    if (response === undefined || !running) return
    if (response.statusCode >= 400) errors++
    latenciesMs.push(performance.now() - sentAtMs)
    if (response.closes) {
      failed = true // in order: not an error
      socket.destroy()
      open()
    } else send()
  })
}

const startedMs = performance.now()
for (let at = 0; at < connections; at++) open()
setTimeout(() => {
  running = false
  const took = (performance.now() - startedMs) / 1000
  const requests = latenciesMs.length
  const result: LoadResult = {
    requests,
    seconds: took,
    errors,
    requestsPerSecond: requests / took,
    p99Ms: requests === 0 ? Number.NaN : quantile(latenciesMs, 0.99),
  }
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
}, seconds * 1000)
