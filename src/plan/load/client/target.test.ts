import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingError } from '../../../kernel/index.ts'
import { resolveTarget } from './target.ts'

test('an address stays what it is, a name is resolved, the Host header keeps what was written', async () => {
  assert.deepEqual(await resolveTarget('http://127.0.0.1:3000'), {
    authority: '127.0.0.1:3000',
    address: '127.0.0.1',
    port: 3000,
    secure: false,
    hostname: '127.0.0.1',
  })
  const { address, authority, port, secure } = await resolveTarget('https://localhost')
  assert.match(address ?? '', /^(?:127\.0\.0\.1|::1)$/)
  assert.deepEqual([authority, port, secure], ['localhost', 443, true])
  const six = await resolveTarget('http://[::1]:80/')
  assert.deepEqual([six.address, six.authority, six.port], ['::1', '[::1]', 80])
  assert.equal((await resolveTarget('unix:/run/app.sock')).socketPath, '/run/app.sock')
})

for (const wrong of ['', 'localhost:3000', 'ftp://x', 'http://x/y', 'http://x/?y', 'unix:relative']) {
  test(`${JSON.stringify(wrong)} is no target`, async () => {
    await assert.rejects(resolveTarget(wrong), SettingError)
  })
}

test('a name that nobody knows is told by the resolver', async () => {
  await assert.rejects(resolveTarget('http://nobody.invalid'), { syscall: 'getaddrinfo' })
})
