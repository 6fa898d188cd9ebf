import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settingSpecs } from '../../src/serve/settings/index.ts'
import { runCommand, workspace } from './command.fixture.ts'

test('help goes to standard output with 0: the overview by --help, help and nothing at all', async () => {
  await using place = await workspace()
  for (const args of [['--help'], ['help'], []]) {
    const { exitCode, stdout, stderr } = await runCommand(args, place)
    assert.deepEqual([exitCode, stderr], [0, ''])
    for (const name of ['dev', 'serve', 'config', 'check', 'load'])
      assert.match(stdout, new RegExp(`^  ${name} `, 'm'))
    assert.match(stdout, /^ {2}130 /m)
  }
})

for (const name of ['dev', 'serve', 'config', 'check']) {
  test(`plimsoll ${name} --help has examples, every setting as a flag, and exit codes`, async () => {
    await using place = await workspace()
    const { exitCode, stdout, stderr } = await runCommand([name, '--help'], place)
    assert.deepEqual([exitCode, stderr], [0, ''])
    assert.match(stdout, new RegExp(`^Examples:\\n +plimsoll ${name}`, 'm'))
    for (const { flag } of settingSpecs) assert.ok(stdout.includes(`\n  ${flag} `), flag)
    assert.match(stdout, /^Exit codes:/m)
    assert.ok(stdout.split('\n').every((line) => line.length <= 102))
  })
}

test('help shows the defaults of its command', async () => {
  await using place = await workspace()
  assert.match((await runCommand(['dev', '--help'], place)).stdout, /--workers N\|auto .*\[1\]/)
  assert.match((await runCommand(['serve', '--help'], place)).stdout, /--workers N\|auto .*\[auto\]/)
})

test("--version is the package's", async () => {
  await using place = await workspace()
  const { exitCode, stdout } = await runCommand(['--version'], place)
  assert.deepEqual([exitCode, /^\d+\.\d+\.\d+\n$/.test(stdout)], [0, true])
})

const slips: [claim: string, args: string[], message: RegExp][] = [
  ['an unknown command', ['sreve'], /^plimsoll: sreve is not a command of plimsoll; did you mean serve\?\n/],
  ['an unknown flag before a command', ['--vresion'], /--vresion is not a flag of plimsoll/],
  [
    'an unknown flag',
    ['serve', '--workrs', '3'],
    /--workrs is not a flag of plimsoll serve; did you mean --workers\?/,
  ],
  ['half a flag', ['serve', '--grace', '3s'], /did you mean --drain-grace\?/],
  ['an unknown short flag', ['config', '-x'], /-x is not a flag of plimsoll config/],
  [
    'a flag without its value',
    ['serve', '--listen'],
    /--listen needs a value: --listen HOST:PORT\|unix:PATH/,
  ],
  [
    'a flag whose value is a flag',
    ['config', '--workers', '--json'],
    /--workers needs a value: --workers N\|auto/,
  ],
  ['a value for a flag without', ['config', '--http2=yes'], /--http2 takes no value; .*--no-http2/],
  ['--no- before a flag with a value', ['config', '--no-workers'], /--no-workers is not a flag/],
  ['two modules', ['serve', 'a.ts', 'b.ts'], /plimsoll serve does not know what to do with "b\.ts"/],
  [
    'a missing module',
    ['serve', 'nothing.ts'],
    /^plimsoll: there is no module nothing\.ts \(looked for .*nothing\.ts\)\n$/,
  ],
  ['no module anywhere', ['dev'], /say which module to serve \(there is no service\.ts, service\.js, /],
]
for (const [claim, args, message] of slips) {
  test(`${claim}: one message on standard error, and 2`, async () => {
    await using place = await workspace()
    const { exitCode, stdout, stderr } = await runCommand(args, place)
    assert.equal(exitCode, 2)
    assert.equal(stdout, '')
    assert.match(stderr, message)
    assert.doesNotMatch(stderr, /\n {4}at /)
  })
}

test('two modules to choose from are not guessed between', async () => {
  await using place = await workspace({ 'service.ts': '', 'app.ts': '' })
  const { exitCode, stderr } = await runCommand(['serve'], place)
  assert.equal(exitCode, 2)
  assert.match(stderr, /say which module to serve \(there are service\.ts and app\.ts\)/)
})

test('with --json an error is one JSON document', async () => {
  await using place = await workspace()
  const { exitCode, stderr } = await runCommand(['config', '--json', '--workers', '0'], place)
  assert.equal(exitCode, 2)
  const document = JSON.parse(stderr) as Record<string, unknown>
  assert.deepEqual([document['event'], document['code'], document['exitCode']], [
    'error',
    'SETTINGS_INVALID',
    2,
  ])
  assert.deepEqual(document['settings'], [{
    setting: 'workers',
    rule: 'a whole number of at least 1, or "auto"',
    value: 0,
    place: '--workers',
  }])
})

for (const name of ['plans', 'jobs', 'saga', 'events']) {
  test(`plimsoll ${name} --help shows the settings of the database, and of others says that it takes them`, async () => {
    await using place = await workspace()
    const { stdout } = await runCommand([name, '--help'], place)
    assert.match(stdout, /--database-url/)
    assert.doesNotMatch(stdout, /--limits-body-size/)
    assert.match(stdout, /All other settings of plimsoll serve are taken/)
  })
}
