import { dirname, join, normalize } from 'node:path/posix'
import { importsOf, isNamesOnly } from './imports.ts'
import { ambient, ambientAllowed, namelessFiles, serveFolders, wings } from './order.ts'
import { type Token, tokensOf } from './tokens.ts'

/** Sources by their path from the repository's root, with forward slashes: `src/kernel/clock.ts`. */
export type Tree = ReadonlyMap<string, string>

/** One relative import, resolved. */
interface Arrow {
  readonly from: string
  readonly to: string
  readonly line: number
}

/** Says everything in which a tree breaks the house's rules, as `path:line: what is wrong`. */
export function violations (tree: Tree): readonly string[] {
  const files = [...tree.keys()].filter((path) => path.startsWith('src/'))
  const arrows = files.flatMap((file) => arrowsOf(file, tree.get(file) ?? ''))
  return [
    ...arrows.flatMap((arrow) => brokenBy(arrow, tree)),
    ...circles(arrows),
    ...facelessFolders(files),
    ...files.flatMap((file) => layoutOf(file, tree)),
    ...files.filter((file) => !isTestFile(file)).flatMap((file) => ambientUses(file, tree.get(file) ?? '')),
  ].toSorted()
}

function arrowsOf (from: string, source: string): readonly Arrow[] {
  return importsOf(source)
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier, line }) => ({ from, to: normalize(join(dirname(from), specifier)), line }))
}

function brokenBy (arrow: Arrow, tree: Tree): readonly string[] {
  const { from, to, line } = arrow
  const say = (text: string): string[] => [`${from}:${line}: ${text}`]
  if (!to.startsWith('src/')) {
    return isTestFile(from) ? [] : say(`imports ${to}, which is not part of the package`)
  }
  if (!tree.has(to)) return say(`imports ${to}, which does not exist`)
  if (!isTestFile(from) && isTestFile(to)) return say(`imports ${to}, which only tests may import`)
  return [...wrongWing(arrow), ...wrongServeFolder(arrow), ...pastFace(arrow)].flatMap(say)
}

function wrongWing ({ from, to }: Arrow): readonly string[] {
  const [wing, target] = [wingOf(from), wingOf(to)]
  if (wing === target) return []
  // The package's own face stands above the wings; nothing stands above it.
  if (wing === undefined) return target === 'cli' ? ['the package does not import its command line'] : []
  if (target === undefined) return [`imports ${to}; a wing imports other wings, not the whole package`]
  return wings[wing]?.includes(target) === true ? [] : [`${wing} may not import ${target} (${to})`]
}

function wrongServeFolder ({ from, to }: Arrow): readonly string[] {
  const [folder, target] = [serveFolderOf(from), serveFolderOf(to)]
  if (folder === undefined || target === undefined || folder === target || isTestFile(from)) return []
  return serveFolders[folder]?.includes(target) === true ? [] : [
    `serve/${folder} may not import serve/${target}`,
  ]
}

/** Inside a folder its files are free; other folders are entered by their face, or are tests' shared means. */
function pastFace ({ from, to }: Arrow): readonly string[] {
  const [folder, target] = [dirname(from), dirname(to)]
  const isFace = to.endsWith('/index.ts')
  const isOwn = folder === target || folder.startsWith(`${target}/`)
  if (isOwn) return isFace && !isTestFile(from) ? [`imports ${to}, its own face; import the file`] : []
  const isSharedTestMeans = isTestFile(from) && /\.(fixture|contract)\.ts$/.test(to)
  return isFace || isSharedTestMeans ? [] : [`imports ${to}; other folders import ${target}/index.ts only`]
}

function circles (arrows: readonly Arrow[]): readonly string[] {
  const next = Map.groupBy(arrows, ({ from }) => from)
  const done = new Set<string>()
  const found: string[] = []
  for (const file of next.keys()) visit(file, [])
  return found

  function visit (file: string, way: readonly string[]): void {
    const start = way.indexOf(file)
    if (start >= 0) {
      found.push(`${file}: an import circle: ${[...way.slice(start), file].join(' -> ')}`)
      return
    }
    if (done.has(file)) return
    for (const { to } of next.get(file) ?? []) visit(to, [...way, file])
    done.add(file)
  }
}

function facelessFolders (files: readonly string[]): readonly string[] {
  return [...Map.groupBy(files, (file) => dirname(file))]
    // A folder with a main is a program: it is started, not imported, so it needs no face.
    .filter(([, inside]) => !inside.some((file) => /[/-](?:index|main)\.ts$/.test(file)))
    .map(([folder]) => `${folder}: has no face (index.ts)`)
}

function layoutOf (file: string, tree: Tree): readonly string[] {
  const name = file.slice(file.lastIndexOf('/') + 1)
  const wing = wingOf(file)
  const folder = serveFolderOf(file)
  const found: string[] = []
  if (namelessFiles.includes(name)) found.push('the name says nothing; call it by its one idea')
  if (wing !== undefined && !Object.hasOwn(wings, wing))
    found.push(`the wing ${wing} has no place in the order`)
  if (folder !== undefined && !Object.hasOwn(serveFolders, folder)) {
    found.push(`serve/${folder} has no place in the order inside serve`)
  }
  if (name === 'index.ts' && !isNamesOnly(tree.get(file) ?? '')) {
    found.push('a face holds names only: export ... from')
  }
  return found.map((text) => `${file}:1: ${text}`)
}

function ambientUses (file: string, source: string): readonly string[] {
  if (Object.hasOwn(ambientAllowed, file)) return []
  const tokens = tokensOf(source)
  return tokens.flatMap((token, at) => {
    const use = ambient.find((words) => words.every((word, index) => tokens[at + index]?.text === word))
    if (use === undefined || token.kind !== 'word' || isNotTheGlobal(tokens, at)) return []
    return [`${file}:${token.line}: ${use.join('')} outside the kernel's ports; take a Clock or a Random`]
  })
}

/** A method of the same name, its declaration, or a type query. */
function isNotTheGlobal (tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1]?.text
  return before === 'typeof' || before === 'function' ||
    (before === '.' && tokens[at - 2]?.text !== 'globalThis')
}

function isTestFile (file: string): boolean {
  return /\.(test|fixture|contract)\.ts$/.test(file)
}

/** @returns `undefined` for a file directly under `src` */
function wingOf (file: string): string | undefined {
  return /^src\/([^/]+)\//.exec(file)?.[1]
}

function serveFolderOf (file: string): string | undefined {
  return /^src\/serve\/([^/]+)\//.exec(file)?.[1]
}
