import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { testEngine } from '../engine.contract.ts'
import { ipcChannel } from './ipc-channel.ts'
import { channelPair, type LocalChannel } from './local-channel.ts'
import { type LocalSubject, testLocalClient } from './local-client.contract.ts'
import { localEngine } from './local-engine.ts'
import { serveLocalEngine } from './serve-local-engine.ts'

const deaf: LocalChannel = { send: () => {}, onMessage: () => {}, close: () => {} }

testEngine({
  name: 'local',
  password: 'no password here',
  up: async () => localEngine(),
  down: async () => localEngine({ channel: deaf, timeoutMs: 20 }),
  unreachable: async () => localEngine({ channel: deaf, timeoutMs: 20 }),
  silent: async () => localEngine({ channel: deaf, timeoutMs: 10_000 }),
})

testLocalClient('in one process', async (): Promise<LocalSubject> => {
  const clock = manualClock()
  const server = serveLocalEngine({ clock })
  return {
    async open () {
      const [channel, serverEnd] = channelPair()
      server.attach(serverEnd)
      return localEngine({ channel })
    },
    moveClock: async (ms) => clock.advance(ms),
    async [Symbol.asyncDispose] () {},
  }
})

testLocalClient('from a process to another', async (): Promise<LocalSubject> => {
  const supervisor = fork(new URL('local-supervisor.fixture.ts', import.meta.url), {
    execArgv: ['--conditions=plimsoll-source'],
  })
  supervisor.setMaxListeners(20)
  let workers = 0
  return {
    async open () {
      const worker = ++workers
      const listeners = new Set<(envelope: { worker?: number; message?: unknown }) => void>()
      const channel: LocalChannel = {
        send: (message) => supervisor.send({ worker, message }),
        onMessage (listener) {
          const unpack = (envelope: { worker?: number; message?: unknown }): void => {
            if (envelope.worker === worker) listener(envelope.message)
          }
          listeners.add(unpack)
          supervisor.on('message', unpack)
        },
        close () {
          for (const listener of listeners) supervisor.off('message', listener)
        },
      }
      return localEngine({ channel })
    },
    async moveClock (moveMs) {
      const moved = waitForMove()
      supervisor.send({ moveMs })
      await moved
    },
    async [Symbol.asyncDispose] () {
      const exited = once(supervisor, 'exit')
      supervisor.kill()
      await exited
    },
  }

  function waitForMove (): Promise<void> {
    return new Promise((resolve) => {
      supervisor.on('message', function listen (envelope: object) {
        if (!('moved' in envelope)) return
        supervisor.off('message', listen)
        resolve()
      })
    })
  }
})

test('over plain IPC a client works until its supervisor is killed, then says so', async () => {
  const supervisor = fork(new URL('local-supervisor.fixture.ts', import.meta.url), {
    execArgv: ['--conditions=plimsoll-source'],
  })
  await using engine = localEngine({ channel: ipcChannel(supervisor), timeoutMs: 5_000 })
  const client = await engine.connect()
  await client.set('key', new Uint8Array([1]))
  assert.deepEqual(await client.get('key'), new Uint8Array([1]))
  const exited = once(supervisor, 'exit')
  supervisor.kill('SIGKILL')
  await exited
  await using late = localEngine({ channel: ipcChannel(supervisor), timeoutMs: 20 })
  await assert.rejects(late.connect(), { code: 'ENGINE_UNAVAILABLE', target: 'the supervisor' })
})

test('a worker that ended gets nothing, leaves its topics, and what it set stays', async () => {
  const server = serveLocalEngine()
  const [deadEnd, serverEnd] = channelPair()
  const detach = server.attach(serverEnd)
  const dead = localEngine({ channel: deadEnd })
  const client = await dead.connect()
  await client.set('kept', 1)
  await client.subscribe('topic', () => {})
  assert.deepEqual(server.usage().topics, 1)
  detach()
  detach()
  assert.deepEqual([server.usage().topics, server.usage().workers, server.usage().entries], [0, 0, 1])
  await dead.close()
})

test('a worker whose line breaks while a message is published does not fail the publisher', async () => {
  const server = serveLocalEngine()
  const [end, serverEnd] = channelPair()
  server.attach(serverEnd)
  let serve: ((message: unknown) => void) | undefined
  server.attach({
    send () {
      throw new Error('channel closed')
    },
    onMessage (listener) {
      serve = listener
    },
    close () {},
  })
  serve?.({ id: 1, operation: { kind: 'subscribe', topic: 'topic' } })
  await using engine = localEngine({ channel: end })
  const client = await engine.connect()
  assert.equal(await client.publish('topic', 1), 0)
})

test('who waits while the client is closed is told so at once', async () => {
  const engine = localEngine({ channel: deaf, timeoutMs: 60_000 })
  const connecting = engine.connect()
  await engine.close()
  await assert.rejects(connecting, { code: 'ENGINE_CLOSED' })
})

test('after a failed connect the same channel is tried again', async () => {
  const [channel, serverEnd] = channelPair()
  const engine = localEngine({ channel, timeoutMs: 20 })
  await assert.rejects(engine.connect(), { code: 'ENGINE_UNAVAILABLE' })
  serveLocalEngine().attach(serverEnd)
  await (await engine.connect()).set('key', 1)
  await engine.close()
})
