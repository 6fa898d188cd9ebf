import { fileURLToPath } from 'node:url'
import { type Address, peersFolder, plimsollServe, type ServerCommand } from '../harness/index.ts'
import { thingCount } from './things.ts'

/** One program that serves `GET /things/:id`. */
export interface CacheSubject {
  readonly name: string
  readonly command: ServerCommand
  /** It counts the runs of its handler, and tells request ids and limits; the bare one has neither. */
  readonly guarded: boolean
}

export const cacheNames = {
  stored: 'Fastify, stored strings',
  plugins: 'Fastify + plugins, cached',
  plugin: 'Plimsoll, registered',
  serve: 'Plimsoll, served',
} as const

export const cacheSubjects: readonly CacheSubject[] = [
  { name: cacheNames.stored, guarded: false, command: program('fastify-stored.ts') },
  { name: cacheNames.plugins, guarded: true, command: node(`${peersFolder}/cache-plugins.js`) },
  { name: cacheNames.plugin, guarded: true, command: program('plimsoll-plugin.ts') },
  {
    name: cacheNames.serve,
    guarded: true,
    command: plimsollServe(new URL('things-service.ts', import.meta.url), {
      workers: 1,
      flags: ['--trace-sample', '0.01'],
    }),
  },
]

/** A subject does not do what it is measured for. */
export class SubjectUnfitError extends Error {
  override readonly name = 'SubjectUnfitError'
  readonly code = 'BENCH_SUBJECT_UNFIT'

  constructor (subject: string, finding: string) {
    super(`${subject} does not do what it is measured for: ${finding}`)
  }
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/**
 * Proves that a subject answers from what is stored: the right body twice with one run of the handler, and 304 for
 * its own tag and for no other.
 *
 * @returns the tag of thing 1
 * @throws SubjectUnfitError
 */
export async function verifySubject (
  { name, guarded }: CacheSubject,
  { host, port }: Address,
  expected: string
): Promise<string> {
  const demand = (ok: boolean, finding: string): void => {
    if (!ok) throw new SubjectUnfitError(name, finding)
  }
  const base = `http://${host}:${port}`
  const get = async (headers: Record<string, string> = {}): Promise<Answer> => {
    const response = await fetch(`${base}/things/1`, { headers })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  const runs = async (): Promise<number> =>
    guarded ? ((await (await fetch(`${base}/bench/runs`)).json()) as { runs: number }).runs : 0
  // Hot means hot: each of them is kept, whatever has to be made for it.
  for (let id = 1; id <= thingCount; id++) await (await fetch(`${base}/things/${id}`)).arrayBuffer()
  const before = await runs()
  const hit = await get()
  demand(hit.status === 200 && hit.text === expected, `GET /things/1 answered ${hit.status} ${hit.text}`)
  const etag = hit.headers.get('etag') ?? ''
  demand(/^(W\/)?"[^"]+"$/.test(etag), `its ETag is ${etag || 'missing'}`)
  const unchanged = await get({ 'if-none-match': etag })
  demand(
    unchanged.status === 304 && unchanged.headers.get('etag') === etag,
    `its own tag got ${unchanged.status}`
  )
  const other = await get({ 'if-none-match': '"other"' })
  demand(other.status === 200, `a tag that it has never given got ${other.status}`)
  demand(await runs() === before, 'its handler ran for what is stored')
  if (guarded) {
    const limited = hit.headers.has('ratelimit') || hit.headers.has('x-ratelimit-remaining')
    demand(limited && hit.headers.has('x-request-id'), 'a hit tells no limit or has no request id')
  }
  return etag
}

function program (file: string): ServerCommand {
  return node(fileURLToPath(new URL(file, import.meta.url)))
}

function node (file: string): ServerCommand {
  return {
    argv: [process.execPath, '--conditions=plimsoll-source', '--disable-warning=ExperimentalWarning', file],
  }
}
