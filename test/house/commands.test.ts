import assert from 'node:assert/strict'
import { test } from 'node:test'
import { npmScriptsIn, plimsollCommandsIn } from './commands.ts'
import { parsePage } from './markdown.ts'

test('npm scripts are found in inline code and in blocks for the shell, and npm’s own commands are not scripts', () => {
  const page = parsePage(
    'Run `npm start` or npm run prose.\n```sh\nnpm ci && npm run bench -- floor\n```\n```ts\nnpm run no\n```'
  )
  assert.deepEqual(npmScriptsIn(page).map(({ name, line }) => `${line} ${name}`), ['1 start', '3 bench'])
})

test('a plimsoll command is found with its flags, up to where the command ends', () => {
  const page = parsePage(
    '`npx plimsoll --help`\n```sh\nX=1 plimsoll serve a.ts \\\n  --workers=2 --tls-key k | grep --color x\nls examples/plimsoll dev\n```'
  )
  assert.deepEqual(plimsollCommandsIn(page), [
    { name: '', flags: ['--help'], line: 1 },
    { name: 'serve', flags: ['--workers', '--tls-key'], line: 3 },
  ])
})

test('a package, an import or a file of that name is not a command', () => {
  assert.deepEqual(
    plimsollCommandsIn(parsePage('`npm install plimsoll fastify` `plimsoll.config.ts` `plimsoll/kernel`')),
    []
  )
})
