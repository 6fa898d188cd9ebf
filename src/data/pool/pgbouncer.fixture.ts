import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testPort } from '../../engines/test-port.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'

export interface TestPgBouncer extends AsyncDisposable {
  /** The database's URL, by way of the pooler. */
  readonly url: string
}

/** `nobody`, as Debian and most others have it: the program refuses to run as root. */
const unprivileged = 65_534

/** A real PgBouncer in transaction mode before a database, with as many connections to it as `poolSize`. */
export async function testPgBouncer (
  program: string,
  databaseUrl: string,
  poolSize: number
): Promise<TestPgBouncer> {
  const target = new URL(databaseUrl)
  const database = target.pathname.slice(1)
  const port = await testPort()
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-pgbouncer-'))
  await chmod(folder, 0o755)
  const file = join(folder, 'pgbouncer.ini')
  const login = `user=${target.username} password=${decodeURIComponent(target.password)}`
  await writeFile(
    file,
    `[databases]
${database} = host=127.0.0.1 port=${target.port} dbname=${database} ${login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
ignore_startup_parameters = extra_float_digits
`,
    { mode: 0o644 }
  )
  const asRoot = process.getuid?.() === 0 ? { uid: unprivileged, gid: unprivileged } : {}
  const pooler = spawn(program, [file], { stdio: ['ignore', 'ignore', 'pipe'], ...asRoot })
  let said = ''
  pooler.stderr.on('data', (part) => said += part)
  await waitUntil('the pooler listens', () => {
    if (pooler.exitCode !== null) throw new Error(`pgbouncer ended:\n${said}`)
    return said.includes('process up')
  })
  const url = new URL(databaseUrl)
  url.searchParams.delete('host')
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    url: url.href,
    async [Symbol.asyncDispose] () {
      const exited = once(pooler, 'exit')
      pooler.kill('SIGKILL')
      await exited
      await rm(folder, { recursive: true })
    },
  }
}
