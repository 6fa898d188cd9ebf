import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { testPort } from '../../src/engines/test-port.fixture.ts'
import { root } from './tree.ts'

/** A first start creates the database cluster and seeds it; a loaded machine takes its time. */
const startBoundMs = 120_000

export interface RunningShop {
  /** Puts this shop's addresses where a text names the documented ones. */
  readdress(text: string): string
  close(): Promise<void>
}

/** Starts the shop example as `npm start` does, but on ports and in a folder of its own. */
export async function startShop (): Promise<RunningShop> {
  const [port, adminPort] = [await testPort(), await testPort()]
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-docs-'))
  const places = [
    '--listen',
    `127.0.0.1:${port}`,
    '--admin',
    `127.0.0.1:${adminPort}`,
    '--state-directory',
    folder,
  ]
  const shop = spawn(process.execPath, ['bin/plimsoll.js', 'dev', 'examples/shop/service.ts', ...places], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: string[] = []
  for (const stream of [shop.stdout, shop.stderr])
    stream.on('data', (chunk: Buffer) => output.push(chunk.toString()))
  const close = async (): Promise<void> => {
    await stop(shop)
    await rm(folder, { recursive: true, force: true })
  }
  if (!await answers(`http://127.0.0.1:${port}/products/1`, shop)) {
    await close()
    throw new Error(`the shop did not start:\n${output.join('')}`)
  }
  return {
    readdress: (text) =>
      text.replaceAll(
        /\b(?:127\.0\.0\.1|localhost):(3000|3001)\b/g,
        (_, documented: string) => `127.0.0.1:${documented === '3000' ? port : adminPort}`
      ),
    close,
  }
}

async function answers (url: string, shop: ChildProcess): Promise<boolean> {
  for (const deadline = Date.now() + startBoundMs; Date.now() < deadline && shop.exitCode === null;) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok === true) return true
    await sleep(100)
  }
  return false
}

async function stop (shop: ChildProcess): Promise<void> {
  if (shop.exitCode !== null || shop.signalCode !== null) return
  const exited = once(shop, 'exit')
  shop.kill('SIGTERM')
  const cut = setTimeout(() => shop.kill('SIGKILL'), 40_000)
  await exited
  clearTimeout(cut)
}
