import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback, parseTarget } from './target.ts'

test('a target is read with its port, and its path as the base of all others', () => {
  assert.deepEqual(parseTarget('https://shop.example/api/v1/'), {
    origin: 'https://shop.example',
    basePath: '/api/v1',
    hostname: 'shop.example',
    port: 443,
    secure: true,
  })
  assert.deepEqual(parseTarget('http://[::1]:3000'), {
    origin: 'http://[::1]:3000',
    basePath: '',
    hostname: '[::1]',
    port: 3000,
    secure: false,
  })
})

test('this machine is known by its own addresses and names, and by nothing that only looks like them', () => {
  const own = [
    'http://localhost',
    'http://api.localhost',
    'http://127.0.0.1',
    'http://127.8.9.1',
    'http://[::1]',
  ]
  const mapped = ['http://[::ffff:127.0.0.1]', 'http://0x7f000001', 'http://2130706433']
  assert.deepEqual([...own, ...mapped].filter((url) => !isLoopback(new URL(url).hostname)), [])
  const others = ['http://10.0.0.1', 'http://127.0.0.1.example', 'http://localhost.example', 'http://[::2]']
  assert.deepEqual(others.filter((url) => isLoopback(new URL(url).hostname)), [])
})
