import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below those that Linux (from 32,768) and others (from 49,152) give to whoever asks for any. */
const range = [10_240, 32_768] as const

/**
 * A TCP port of 127.0.0.1 for a server that a test starts. Nobody who listens at any port, or connects, is given it while
 * that server starts, which may take seconds.
 */
export async function testPort (): Promise<number> {
  for (;;) {
    const port = randomInt(...range)
    if (await isFree(port)) return port
  }
}

async function isFree (port: number): Promise<boolean> {
  const server = createServer()
  const listening = once(server, 'listening').then(() => true, () => false)
  server.listen(port, '127.0.0.1')
  if (!await listening) return false
  server.close()
  await once(server, 'close')
  return true
}
