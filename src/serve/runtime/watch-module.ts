import { watch } from 'node:fs'
import { dirname, extname, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Cancel, Clock } from '../../kernel/index.ts'

export interface WatchOptions {
  readonly module: URL
  /** Called once for changes that come together, with the path of the last one, relative to the directory. */
  readonly onChange: (path: string) => void
  readonly onError: (error: unknown) => void
  readonly clock: Clock
}

/** An editor that saves touches a file several times, and a checkout many files; quiet for this long is the end. */
const quietMs = 100

/**
 * Watches sources, JSON and SQL in the directory of a module and all below it, but for `node_modules` and
 * whatever begins with a dot.
 *
 * @returns ends the watching
 */
export function watchModule ({ module, onChange, onError, clock }: WatchOptions): Cancel {
  let cancel: Cancel = () => {}
  const watcher = watch(dirname(fileURLToPath(module)), { recursive: true, persistent: false })
  watcher.on('error', onError)
  watcher.on('change', (_, name) => {
    const path = String(name)
    if (!isWatched(path)) return
    cancel()
    cancel = clock.after(quietMs, () => onChange(path))
  })
  return () => {
    cancel()
    watcher.close()
  }
}

/** What a service is written in. Its logs and databases, which it writes itself, must not reload it. */
const extensions = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json', '.sql'])

/** Whether a change of this path, relative to the watched directory, is one of the service. */
export function isWatched (path: string): boolean {
  if (!extensions.has(extname(path))) return false
  return path.split(sep).every((part) => part !== 'node_modules' && !part.startsWith('.'))
}
