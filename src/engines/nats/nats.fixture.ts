import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EngineProgram, engineProgram } from '../engine-program.fixture.ts'
import { testPort } from '../test-port.fixture.ts'
import { waitUntil } from '../wait-until.fixture.ts'

export const natsProgram: EngineProgram = engineProgram('nats-server', 'apt-get install nats-server')

export interface TestNats extends AsyncDisposable {
  readonly port: number
  /** With user and password. */
  readonly url: string
  readonly process: () => ChildProcess
  /** Ends it without a word, as a power cut does. */
  kill(): Promise<void>
  /** On the same port, with what it had stored. */
  start(): Promise<void>
}

/** A server of its own with JetStream, in a folder of its own. */
export async function testNats (password = 's3cret-word'): Promise<TestNats> {
  const port = await testPort()
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-nats-'))
  let server: ChildProcess | undefined

  async function start (): Promise<void> {
    const args = [
      '-a',
      '127.0.0.1',
      '-p',
      String(port),
      '-js',
      '-sd',
      folder,
      '--user',
      'plimsoll',
      '--pass',
      password,
    ]
    const started = spawn(natsProgram.path, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    server = started
    let said = ''
    started.stderr.on('data', (part) => said += part)
    await waitUntil('nats-server is ready', () => {
      if (started.exitCode !== null) throw new Error(`nats-server ended: ${said}`)
      return said.includes('Server is ready')
    })
  }

  async function kill (): Promise<void> {
    const running = server
    server = undefined
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const exited = once(running, 'exit')
    running.kill('SIGKILL')
    await exited
  }

  await start()
  return {
    port,
    url: `nats://plimsoll:${password}@127.0.0.1:${port}`,
    process () {
      if (server === undefined) throw new Error('nats-server is not running')
      return server
    },
    kill,
    start,
    async [Symbol.asyncDispose] () {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
