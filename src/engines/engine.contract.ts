import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Engine } from './engine.ts'
import { EngineUnavailableError } from './errors.ts'
import { waitUntil } from './wait-until.fixture.ts'

/** Engines in the states that the contract speaks of. Each is closed by the test that asked for it. */
export interface EngineSubjects<Client> {
  readonly name: string
  /** What must stand in no message. */
  readonly password: string
  /** Can be connected to. */
  up(): Promise<Engine<Client>>
  /** Connected or not, its `check` fails. */
  down(): Promise<Engine<Client>>
  /**
   * Its `connect` fails with `EngineUnavailableError`; left out where a failure to connect is another
   * error.
   */
  unreachable?: () => Promise<Engine<Client>>
  /** Takes connections, and never answers. */
  silent?: () => Promise<Engine<Client>>
}

const soon = (): AbortSignal => AbortSignal.timeout(60_000)

/** What every engine promises. */
export function testEngine<Client> (subjects: EngineSubjects<Client>): void {
  const { name, password } = subjects

  function isUnavailable (error: unknown): boolean {
    assert.ok(error instanceof EngineUnavailableError, String(error))
    assert.equal(error.code, 'ENGINE_UNAVAILABLE')
    assert.equal(error.engine, name)
    assert.notEqual(error.target, '')
    assert.ok(error.message.includes(error.target), error.message)
    assert.ok(!`${error.stack} ${error.target}`.includes(password), 'a password in the error')
    return true
  }

  test(`${name}: connecting twice, even at once, gives the same client`, async () => {
    await using engine = await subjects.up()
    const [one, other] = await Promise.all([engine.connect(), engine.connect()])
    assert.equal(one, other)
    assert.equal(await engine.connect(), one)
  })

  test(`${name}: check passes when it is up, time after time`, async () => {
    await using engine = await subjects.up()
    await engine.connect()
    await engine.check(soon())
    await engine.check(soon())
  })

  test(`${name}: check tells when it is down, naming where it looked`, async () => {
    await using engine = await subjects.down()
    await assert.rejects(engine.check(soon()), isUnavailable)
  })

  test(`${name}: a signal ends the check, and the next check is not spoiled by it`, async () => {
    await using engine = await subjects.up()
    await engine.connect()
    await assert.rejects(engine.check(AbortSignal.abort()), isUnavailable)
    await engine.check(soon())
  })

  if (subjects.unreachable !== undefined) {
    const { unreachable } = subjects
    test(`${name}: connect rejects when it cannot be reached, and tries anew the next time`, async () => {
      await using engine = await unreachable()
      const first = engine.connect()
      await assert.rejects(first, isUnavailable)
      const second = engine.connect()
      assert.notEqual(first, second)
      await assert.rejects(second, isUnavailable)
    })
  }

  if (subjects.silent !== undefined) {
    const { silent } = subjects
    test(`${name}: a check that gets no answer ends with its signal`, async () => {
      await using engine = await silent()
      const signal = AbortSignal.timeout(50)
      await assert.rejects(engine.check(signal), isUnavailable)
      assert.equal(signal.aborted, true)
    })
  }

  test(`${name}: close may be called twice and without connect, and frees sockets and timers`, async () => {
    const idle = await subjects.up()
    await idle.close()
    const engine = await subjects.up()
    const before = resources()
    await engine.connect()
    await engine.check(soon())
    await Promise.all([engine.close(), engine.close()])
    await engine.close()
    await waitUntil(`no more than ${before}, but ${resources()}`, () => resources().length <= before.length)
  })

  test(`${name}: after close, connect and check say that it is closed`, async () => {
    const engine = await subjects.up()
    await engine.connect()
    await engine.close()
    await assert.rejects(engine.connect(), { code: 'ENGINE_CLOSED', engine: name })
    await assert.rejects(engine.check(soon()), { code: 'ENGINE_CLOSED', engine: name })
  })
}

function resources (): readonly string[] {
  return process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate').toSorted()
}
