/**
 * A declaration as `tsc` writes it, made fit for being published.
 *
 * `tsc` rewrites `./x.ts` to `./x.js` in code only, and leaves declarations naming files that are not there.
 *
 * What names an optional package is marked, line by line: in a project that has the package, its types are checked as
 * all others; in one that has not, and checks declarations (`skipLibCheck: false`), they are `any` instead of an error.
 *
 * @param optional names of packages that a project may be without
 */
export function publishedDeclaration (text: string, optional: readonly string[]): string {
  const named = optional.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')
  const ofOptional = new RegExp(
    `^.*(?:from|import|declare module) ?\\(?['"](?:${named})(?:/[^'"]*)?['"].*$`,
    'gm'
  )
  return text
    .replaceAll(/((?:from|import|declare module) ?\(?['"]\.[^'"]*)\.ts(?=['"])/g, '$1.js')
    .replaceAll(ofOptional, (line) => `// @ts-ignore: an optional package\n${line}`)
}
