import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { readPending } from '../../data/index.ts'
import { postgresEngine, redisEngine } from '../../engines/index.ts'
import type { Service } from '../../serve/service/index.ts'
import { redactUrl, type Settings } from '../../serve/settings/index.ts'
import type { Verdict } from './verdict.ts'

// Somebody waits at a terminal, or a deployment does.
const connectTimeoutMs = 5_000

/** Whether key and certificate can be read and belong together. */
export async function checkTls ({ tls }: Settings): Promise<Verdict> {
  if (tls.key === undefined || tls.cert === undefined) return { skipped: 'not set' }
  const [key, cert] = await Promise.all([readPem('tls.key', tls.key), readPem('tls.cert', tls.cert)])
  try {
    createSecureContext({ key, cert })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`${tls.key} and ${tls.cert} are no key and certificate that belong together: ${reason}`, {
      cause: error,
    })
  }
  return 'key and certificate belong together'
}

/** Whether the database can be reached, and its migrations agree with the files. It changes nothing. */
export async function checkDatabase (service: Service, { database }: Settings): Promise<Verdict> {
  if (service.database === undefined) return { skipped: 'the service declares none' }
  const { url } = database
  if (url === undefined) {
    throw new Error('the service declares a database: set database.url (--database-url or DATABASE_URL)')
  }
  if (url === 'embedded') return { skipped: 'embedded: plimsoll dev and plimsoll serve start it' }
  const { schema, migrations: directory, seed } = service.database
  await using engine = postgresEngine({ url, poolSize: 1, schema, connectTimeoutMs })
  const pool = await engine.connect()
  const pending = await readPending({ pool, schema, directory, seed })
  const state = pending.length === 0 ?
    'all migrations are applied' :
    `to be applied at the start: ${pending.join(', ')}`
  return `${redactUrl(url)} answers; ${state}`
}

/** Whether the Redis that the service declares can be reached. */
export async function checkRedis (service: Service, { redis }: Settings): Promise<Verdict> {
  if (service.redis !== true) return { skipped: 'the service declares none' }
  const { url } = redis
  if (url === undefined) {
    throw new Error('the service declares Redis: set redis.url (--redis-url or REDIS_URL)')
  }
  await using engine = redisEngine({ url, connectTimeoutMs })
  await engine.connect()
  return `${redactUrl(url)} answers`
}

async function readPem (setting: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`${setting}: ${file} cannot be read: ${reason}`, { cause: error })
  }
}
