import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import assert from 'node:assert/strict'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Type } from 'typebox'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { accessLog, createLogger } from '../../../telemetry/index.ts'
import { keptLines, type Lines } from '../../../telemetry/log/lines.fixture.ts'
import { defineJob, type Job } from '../../../work/jobs/index.ts'
import { buildService } from '../build.ts'
import { type TestEnvironment, testEnvironment } from '../environment.fixture.ts'
import { type DefinedService, defineService } from '../service.ts'
import type { ServiceWork } from './open-work.ts'

export interface GreeterPlace extends AsyncDisposable {
  readonly database: TestDatabase
  readonly greeter: DefinedService
  /** Starts it in this process. */
  running(role: 'all' | 'web' | 'work', options?: RunningOptions): Promise<Running>
}

export interface RunningOptions {
  readonly lines?: Lines
  readonly env?: Readonly<Record<string, string>>
}

export interface Running extends AsyncDisposable {
  readonly app: FastifyInstance
  readonly work: ServiceWork
  readonly environment: TestEnvironment
  /** Leaves a greeting to be done. @returns the path of its status */
  greetingOf(name: string, tenant?: string): Promise<string>
  ask(status: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>
}

/** Greetings of these names are not done before their promise is resolved. */
export const hold: Map<string, PromiseWithResolvers<void>> = new Map()

export const greet: Job<{ name: string }> = defineJob('greet', {
  input: Type.Object({ name: Type.String() }),
  tracked: true,
  tier: 'within-5s',
  retry: { attempts: 1 },
  async run ({ name }, { data, progress, signal }) {
    progress({ greeted: 0 })
    if (name === 'nobody') throw Object.assign(new Error('secret words'), { code: 'NOBODY_THERE' })
    const held = hold.get(name)
    if (held !== undefined) {
      signal.addEventListener('abort', () => held.resolve())
      await held.promise
      signal.throwIfAborted()
    }
    await data.query('insert into greeting values ($1)', [name])
    return { said: `hello ${name}` }
  },
})

/** A service with one job, in a database of its own. */
export async function greeterPlace (): Promise<GreeterPlace> {
  const database = await testDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-work-'))
  await writeFile(join(folder, '0001_greeting.sql'), 'create table greeting (name text)')
  const greeter = greeterOf(pathToFileURL(`${folder}/`))
  return {
    database,
    greeter,
    running: (role, options) => running(greeter, database.url, role, options),
    [Symbol.asyncDispose]: () => database.close(),
  }
}

function greeterOf (migrations: URL): DefinedService {
  return defineService({
    name: 'greeter',
    database: { schema: 'greeter', migrations },
    jobs: [greet],
    tenantClass: (tenant) => tenant === 'acme' ? 'large' : 'small',
    callers: { tenantOf: (request) => request.headers['x-tenant'] as string | undefined },
    routes (app) {
      app.post(
        '/greet/:name',
        { schema: { params: Type.Object({ name: Type.String() }) } },
        async (request, reply) => {
          const job = await greet.enqueue(app.data, { name: request.params.name })
          return reply.accepted(job)
        }
      )
    },
  })
}

async function running (
  greeter: DefinedService,
  url: string,
  role: string,
  { lines, env = {} }: RunningOptions = {}
): Promise<Running> {
  // Where statements are watched, a repeated one is refused: what Plimsoll sends must not be.
  const watched = { DATABASE_URL: url, PLIMSOLL_ROLE: role, PLIMSOLL_DATABASE_WATCH: 'fail' }
  const environment = await testEnvironment({ ...watched, ...env })
  const logger = createLogger({ destination: lines ?? keptLines() })
  const telemetry = { ...environment.telemetry, logger, accessLog: accessLog({ logger }) }
  const { app, work } = await buildService(greeter, { ...environment, telemetry })
  await work.start()
  return {
    app,
    work,
    environment,
    async greetingOf (name, tenant = 'acme') {
      const answer = await app.inject({
        method: 'POST',
        url: `/greet/${name}`,
        headers: { 'x-tenant': tenant },
      })
      assert.equal(answer.statusCode, 202, answer.body)
      assert.equal(answer.headers['retry-after'], '1')
      assert.equal(answer.json().status, answer.headers.location)
      return String(answer.headers.location)
    },
    ask: (url, headers = {}) => app.inject({ url, headers: { 'x-tenant': 'acme', ...headers } }),
    async [Symbol.asyncDispose] () {
      await work.drain(5_000)
      await environment[Symbol.asyncDispose]()
    },
  }
}
