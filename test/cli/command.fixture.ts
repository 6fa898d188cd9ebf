import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../../bin/plimsoll.js', import.meta.url))

export interface CommandOptions {
  /** The working directory. */
  readonly directory: string
  /** On top of PATH and nothing else: what the machine has set must not decide a test. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Finished {
  /** `null` when a signal ended it. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the real command to its end. */
export async function runCommand (args: readonly string[], options: CommandOptions): Promise<Finished> {
  await using running = startCommand(args, options)
  return await running.finished
}

/** A command that runs. Disposing of it kills it, if it still does. */
export interface Running extends AsyncDisposable {
  readonly process: ChildProcess
  readonly finished: Promise<Finished>
  /** What it has written so far. */
  written(): Omit<Finished, 'exitCode'>
  /** Resolves with the match once its output, either stream, has one; rejects when it ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>
}

/** Starts the real command. */
export function startCommand (args: readonly string[], { directory, env = {} }: CommandOptions): Running {
  const child = spawn(process.execPath, [command, ...args], {
    cwd: directory,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const text = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      text[stream] += chunk
      child.emit('wrote')
    })
  }
  const finished = once(child, 'close').then(([exitCode]): Finished => ({
    exitCode: exitCode as number | null,
    ...text,
  }))

  async function says (pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(text.stdout) ?? pattern.exec(text.stderr)
      if (match !== null) return match
      const wrote = Promise.withResolvers<false>()
      child.once('wrote', () => wrote.resolve(false))
      const ended = await Promise.race([wrote.promise, finished.then(() => true)])
      if (ended && pattern.exec(text.stdout) === null && pattern.exec(text.stderr) === null) {
        throw new Error(`ended before it said ${pattern}:\n${text.stdout}${text.stderr}`)
      }
    }
  }

  return {
    process: child,
    finished,
    written: () => ({ ...text }),
    says,
    async [Symbol.asyncDispose] () {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await finished
    },
  }
}

export interface Workspace extends AsyncDisposable {
  readonly directory: string
  write(name: string, text: string): Promise<void>
}

/** A directory with files, removed at the end. */
export async function workspace (files: Readonly<Record<string, string>> = {}): Promise<Workspace> {
  const directory = await mkdtemp(join(tmpdir(), 'plimsoll-cli-'))
  // Where the tests run as root, the embedded database runs as somebody else, who must get in.
  await chmod(directory, 0o755)
  async function write (name: string, text: string): Promise<void> {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await writeFile(join(directory, name), text)
  }
  for (const [name, text] of Object.entries(files)) await write(name, text)
  return {
    directory,
    write,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}
