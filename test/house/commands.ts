import type { Page } from './markdown.ts'

/** A command that a page tells people to run. */
export interface NamedCommand {
  /** `start` of `npm start`, `bench` of `npm run bench`, `dev` of `plimsoll dev`; empty for `plimsoll --help`. */
  readonly name: string
  readonly flags: readonly string[]
  readonly line: number
}

/** npm's own commands that need no entry in package.json. */
const ownOfNpm = new Set([
  'ci',
  'install',
  'i',
  'exec',
  'rebuild',
  'pack',
  'pkg',
  'init',
  'config',
  'ls',
  'version',
])

/** `npm run X`, `npm start` and `npm test`, in blocks for the shell and in inline code. */
export function npmScriptsIn (page: Page): readonly NamedCommand[] {
  return shellLines(page).flatMap(({ text, line }) =>
    [...text.matchAll(/(?<![\w./-])npm (?:run )?([a-z][\w:-]*)/g)]
      .map(([, name = '']) => ({ name, flags: [], line }))
      .filter(({ name }) => !ownOfNpm.has(name))
  )
}

/** Where a command stands: first, after an operator, after a variable, or after a command that runs it. */
const plimsollCommand = /(?:^|[|;&($]|\w=\S+ |\b(?:npx|exec|sudo|time) ) *plimsoll((?: +[^\s|;&#`]+)+)/g

/** `plimsoll COMMAND --flag ...`, with its flags up to the end of the command. */
export function plimsollCommandsIn (page: Page): readonly NamedCommand[] {
  return shellLines(page).flatMap(({ text, line }) =>
    [...text.matchAll(plimsollCommand)].map(([, rest = '']) => {
      const [first = '', ...words] = rest.trim().split(/ +/)
      const name = first.startsWith('-') ? '' : first
      const flags = [first, ...words].filter((word) => word.startsWith('--')).map((word) =>
        word.split('=', 1).join()
      )
      return { name, flags, line }
    })
  ).filter(({ name }) => /^[a-z-]*$/.test(name))
}

function shellLines (page: Page): readonly { readonly text: string; readonly line: number }[] {
  const blocks = page.blocks.filter(({ language }) => ['sh', 'bash', 'shell', 'console'].includes(language))
  return [
    ...page.spans,
    ...blocks.flatMap(({ text, line }) =>
      // A line that ends in a backslash goes on in the next one.
      text.replaceAll('\\\n', ' ').split('\n').map((part, index) => ({ text: part, line: line + index }))
    ),
  ]
}
