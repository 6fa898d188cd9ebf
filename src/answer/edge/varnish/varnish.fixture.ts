import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'

const run = promisify(execFile)

/** A real varnishd on a port of the system's choice. */
export interface RunningVarnish extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  /** Its counters by name, e.g. `MAIN.cache_hit`. */
  counters(): Promise<Readonly<Record<string, number>>>
  close(): Promise<void>
}

/** @param storage e.g. `malloc,64m` */
export async function startVarnish (vcl: string, storage = 'malloc,64m'): Promise<RunningVarnish> {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-varnish-'))
  const file = join(folder, 'service.vcl')
  await writeFile(file, vcl)
  const workFolder = join(folder, 'work')
  const args = [
    '-F',
    '-j',
    'none',
    '-n',
    workFolder,
    '-a',
    '127.0.0.1:0',
    '-T',
    '127.0.0.1:0',
    '-f',
    file,
    '-s',
    storage,
  ]
  const child = spawn('varnishd', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said += chunk)
  let port: string | undefined
  try {
    await waitUntil('varnishd listens', async () => {
      if (child.exitCode !== null) throw new Error(`varnishd ended: ${said}`)
      const listening = await run('varnishadm', ['-n', workFolder, 'debug.listen_address']).catch(() =>
        undefined
      )
      port = /127\.0\.0\.1 (\d+)/.exec(listening?.stdout ?? '')?.[1]
      return port !== undefined && port !== '0' && said.includes('Child starts')
    })
  } catch (error) {
    await close()
    throw error
  }
  async function close (): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    }
    await rm(folder, { recursive: true, force: true })
  }
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    async counters () {
      const { stdout } = await run('varnishstat', ['-n', workFolder, '-1', '-j'])
      const { counters } = JSON.parse(stdout) as { counters: Record<string, { value: number }> }
      return Object.fromEntries(Object.entries(counters).map(([name, { value }]) => [name, value]))
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
